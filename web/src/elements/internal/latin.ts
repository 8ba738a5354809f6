/** Digits of Thai, Persian and Arabic as Latin ones. */
export function latin(text: string): string {
  const zeros = [0x0e50, 0x06f0, 0x0660];
  return text.replace(/[\u0e50-\u0e59\u06f0-\u06f9\u0660-\u0669]/g, (digit) => {
    const code = digit.charCodeAt(0);
    const zero = zeros.find((first) => code >= first && code < first + 10) ?? code;
    return String(code - zero);
  });
}
