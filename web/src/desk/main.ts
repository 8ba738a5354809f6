import '../pages/page.css';
// Before the elements: they ask for language and client as soon as they are defined.
import './begin.ts';
import './desk-app.ts';
