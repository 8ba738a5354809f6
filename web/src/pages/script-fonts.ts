/**
 * The fonts of Thai and Persian words. Their letters only, so that browsers fetch each where such words are shown; not in
 * `page.css`, since the first sight of the shop weighs enough. Joiners are left to other fonts.
 */
import thai from '@fontsource-variable/noto-sans-thai/files/noto-sans-thai-thai-wght-normal.woff2';
import persian from '@fontsource-variable/vazirmatn/files/vazirmatn-arabic-wght-normal.woff2';

function add(family: string, file: string, unicodeRange: string): void {
  document.fonts.add(new FontFace(family, `url(${file})`, { weight: '100 900', display: 'swap', unicodeRange }));
}

add('Noto Sans Thai Variable', thai, 'U+0E01-0E5B, U+25CC');
add('Vazirmatn Variable', persian, 'U+0600-06FF, U+0750-077F, U+FB50-FDFF, U+FE70-FEFC');
