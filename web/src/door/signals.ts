/** The result of a scan by ear and by hand: a rising chime lets in, a low one does not. */

const GOOD_HZ = [784, 1_175];
const BAD_HZ = [220, 165];
const TONE_S = 0.14;
const LOUDNESS = 0.25;
const GOOD_SHAKE_MS = [90];
const BAD_SHAKE_MS = [180, 90, 180];

let context: AudioContext | undefined;

/** Browsers let a page sound only after somebody has touched it: called by a click. */
export function allowSound(): void {
  try {
    context ??= new AudioContext();
    void context.resume().catch(() => undefined);
  } catch {
    // A device without sound.
  }
}

export function signal(isGood: boolean, withSound: boolean): void {
  navigator.vibrate?.(isGood ? GOOD_SHAKE_MS : BAD_SHAKE_MS);
  if (!withSound || context?.state !== 'running') return;
  const tones = isGood ? GOOD_HZ : BAD_HZ;
  for (const [place, pitch] of tones.entries()) play(context, pitch, context.currentTime + place * TONE_S, isGood ? 'sine' : 'square');
}

function play(on: AudioContext, pitch: number, from: number, shape: OscillatorType): void {
  const [tone, volume] = [on.createOscillator(), on.createGain()];
  tone.type = shape;
  tone.frequency.value = pitch;
  volume.gain.setValueAtTime(LOUDNESS, from);
  // Without a fade it would click.
  volume.gain.exponentialRampToValueAtTime(0.001, from + TONE_S);
  tone.connect(volume).connect(on.destination);
  tone.start(from);
  tone.stop(from + TONE_S);
}
