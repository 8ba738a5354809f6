import '../pages/page.css';
import '../pages/thai-font.ts';
// Before the elements: they ask for language and client as soon as they are defined.
import './begin.ts';
import './desk-app.ts';
