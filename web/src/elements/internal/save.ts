/** How long a file that was handed to the browser is kept for it. */
const KEPT_MS = 60_000;

/** Gives the browser a file as if it had been downloaded from a link. */
export function save(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
