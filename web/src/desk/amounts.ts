/** Amounts as people type them: `45`, `45.00`, `۴۵٫۵`. */

/** Digits of the currency's minor unit: two for the euro, none for the yen, three for the dinar. */
function digitsOf(currency: string): number {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

/** `4500` euro cents as `45.00`, for a field. */
export function amountText(amount: number, currency: string): string {
  const digits = digitsOf(currency);
  return (amount / 10 ** digits).toFixed(digits);
}

/** Minor units of a typed amount; undefined: it is none. */
export function amountOf(text: string, currency: string): number | undefined {
  const digits = digitsOf(currency);
  return scaled(text, digits);
}

/** Hundredths of a percent of a typed percentage: `7.5` is 750. */
export function basisPointsOf(text: string): number | undefined {
  return scaled(text, 2);
}

/** `750` hundredths of a percent as `7.5`, for a field. */
export function percentText(basisPoints: number): string {
  return String(basisPoints / 100);
}

/** A whole number in digits of any script; undefined: it is none. */
export function wholeOf(text: string): number | undefined {
  return scaled(text, 0);
}

function scaled(text: string, digits: number): number | undefined {
  const plain = latin(text).replace(/[\s\u00a0\u202f]/g, '');
  const [, sign, whole = '', fraction = ''] = /^(-?)(\d{1,12})(?:[.,٫](\d*))?$/.exec(plain) ?? [];
  if (sign === undefined || fraction.replace(/0+$/, '').length > digits) return undefined;
  const value = Number(whole) * 10 ** digits + Number(fraction.padEnd(digits, '0').slice(0, digits) || 0);
  return sign === '-' ? -value : value;
}

/** Digits of Thai, Persian and Arabic as Latin ones. */
function latin(text: string): string {
  const zeros = [0x0e50, 0x06f0, 0x0660];
  return text.replace(/[\u0e50-\u0e59\u06f0-\u06f9\u0660-\u0669]/g, (digit) => {
    const code = digit.charCodeAt(0);
    const zero = zeros.find((first) => code >= first && code < first + 10) ?? code;
    return String(code - zero);
  });
}
