import '../pages/page.css';
import '../pages/script-fonts.ts';
// Before the elements: they ask for language and client as soon as they are defined.
import './begin.ts';
import './desk-app.ts';
