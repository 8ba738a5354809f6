/**
 * The font of Thai words. Its letters only, so that browsers fetch it where such words are shown; not in `page.css`, since the
 * first sight of the shop weighs enough. Joiners belong to Persian as well, and are left to other fonts.
 */
import file from '@fontsource-variable/noto-sans-thai/files/noto-sans-thai-thai-wght-normal.woff2';

document.fonts.add(new FontFace('Noto Sans Thai Variable', `url(${file})`, { weight: '100 900', display: 'swap', unicodeRange: 'U+0E01-0E5B, U+25CC' }));
