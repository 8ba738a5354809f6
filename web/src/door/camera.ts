/** The camera: shows its picture in a `<video>`, and tells of QR codes in it. */
import { makeDetector, type Detector } from './detector.ts';

export type CameraState = 'off' | 'starting' | 'on' | 'forbidden' | 'missing' | 'insecure' | 'no_reader';

/** Pause between two looks: a second has eight, and the device stays cool. */
const LOOK_EVERY_MS = 120;
/** A code that stays in the picture is told of once; after so long out of it, again. */
const GONE_AFTER_MS = 2_500;

export class Camera extends EventTarget {
  readonly #found: (text: string) => void;
  #state: CameraState = 'off';
  #stream: MediaStream | undefined;
  #video: HTMLVideoElement | undefined;
  #facing: 'environment' | 'user' = 'environment';
  #last: { text: string; at: number } | undefined;
  /** Grows when it is stopped: what was begun before has ended. */
  #turn = 0;

  constructor(found: (text: string) => void) {
    super();
    this.#found = found;
  }

  /** `change` is fired when it changes. */
  get state(): CameraState {
    return this.#state;
  }

  async start(video: HTMLVideoElement): Promise<void> {
    this.stop();
    this.#video = video;
    const turn = this.#turn;
    if (!globalThis.isSecureContext || !navigator.mediaDevices) return this.#become('insecure');
    this.#become('starting');
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: this.#facing, width: { ideal: 1_280 } } });
      if (turn !== this.#turn) return end(stream);
      this.#stream = stream;
      video.srcObject = stream;
      await video.play();
    } catch (error) {
      if (turn === this.#turn) this.#fail(error instanceof DOMException && error.name === 'NotAllowedError' ? 'forbidden' : 'missing');
      return;
    }
    if (turn !== this.#turn) return;
    this.#become('on');
    const detector = await makeDetector().catch(() => undefined);
    if (turn !== this.#turn) return;
    if (detector) this.#look(video, detector, turn);
    else this.#fail('no_reader');
  }

  stop(): void {
    this.#turn += 1;
    if (this.#stream) end(this.#stream);
    if (this.#video) this.#video.srcObject = null;
    this.#stream = undefined;
    this.#become('off');
  }

  /** Of a phone the one on the other side. */
  async turn(): Promise<void> {
    this.#facing = this.#facing === 'environment' ? 'user' : 'environment';
    if (this.#video) await this.start(this.#video);
  }

  async #look(video: HTMLVideoElement, detector: Detector, turn: number): Promise<void> {
    while (turn === this.#turn) {
      // A frame that cannot be read is followed by another one.
      const codes = await detector.detect(video).catch(() => []);
      if (turn !== this.#turn) return;
      const text = codes[0]?.rawValue;
      if (text) this.#saw(text, Date.now());
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  #saw(text: string, at: number): void {
    const isNew = text !== this.#last?.text || at - this.#last.at > GONE_AFTER_MS;
    this.#last = { text, at };
    if (isNew) this.#found(text);
  }

  #fail(state: CameraState): void {
    this.stop();
    this.#become(state);
  }

  #become(state: CameraState): void {
    this.#state = state;
    this.dispatchEvent(new Event('change'));
  }
}

function end(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
