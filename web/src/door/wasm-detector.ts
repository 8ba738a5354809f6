/** The reader for browsers without one: ZXing as WebAssembly, from our own server. */
import { BarcodeDetector, prepareZXingModule } from 'barcode-detector/ponyfill';
// The copy that barcode-detector depends on: another version of it does not fit.
import address from 'zxing-wasm/reader/zxing_reader.wasm?url';
import type { Detector } from './detector.ts';

export async function wasmDetector(): Promise<Detector> {
  // By itself it would load the module from a server of somebody else.
  await prepareZXingModule({ overrides: { locateFile: () => new URL(address, import.meta.url).href }, fireImmediately: true });
  return new BarcodeDetector({ formats: ['qr_code'] });
}
