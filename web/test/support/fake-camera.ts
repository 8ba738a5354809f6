/** A camera for Chromium that shows a picture: a file of raw video, as `--use-file-for-fake-video-capture` plays it. */
import { writeFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';

const WIDTH = 640;
const HEIGHT = 480;
/** Length of the QR's side, some way from the camera. */
const SIDE = 360;

/** The arguments with which Chromium has this camera, and its owner's consent. */
export function cameraOf(file: string): string[] {
  return ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${file}`];
}

/** Writes a video of one frame: the drawn QR, white around it. `page` draws it. */
export async function film(page: Page, svg: string, file: string): Promise<void> {
  const grey = await page.evaluate(
    async ({ svg, width, height, side }) => {
      const image = new Image();
      image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`;
      await image.decode();
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [width, height];
      const brush = canvas.getContext('2d')!;
      brush.fillStyle = '#fff';
      brush.fillRect(0, 0, width, height);
      brush.drawImage(image, (width - side) / 2, (height - side) / 2, side, side);
      const { data } = brush.getImageData(0, 0, width, height);
      return Array.from({ length: width * height }, (_, place) => data[place * 4]!);
    },
    { svg, width: WIDTH, height: HEIGHT, side: SIDE },
  );
  // Without colour: the two planes of it, each a quarter as large, stand at their middle.
  const colour = Buffer.alloc((WIDTH * HEIGHT) / 2, 128);
  const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\nFRAME\n`);
  await writeFile(file, Buffer.concat([head, Buffer.from(grey), colour]));
}
