/** A drawn QR as the address of an image: a `data:` one, since pages may forbid `blob:`. */
export async function addressOf(svg: Blob): Promise<string> {
  return `data:image/svg+xml,${encodeURIComponent(await svg.text())}`;
}
