/** Reads QR codes in pictures: the browser's own reader, or, where it has none, ours, which is loaded only then. */

/** The part of the Barcode Detection API that is used. */
export interface Detector {
  detect(picture: HTMLVideoElement): Promise<readonly { rawValue: string }[]>;
}

interface NativeDetector {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<readonly string[]>;
}

export async function makeDetector(): Promise<Detector> {
  const Native = (globalThis as { BarcodeDetector?: NativeDetector }).BarcodeDetector;
  // Some browsers have the class and no reader behind it.
  const formats = (await Native?.getSupportedFormats().catch(() => [])) ?? [];
  if (Native && formats.includes('qr_code')) return new Native({ formats: ['qr_code'] });
  const { wasmDetector } = await import('./wasm-detector.ts');
  return wasmDetector();
}
