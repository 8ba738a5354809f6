import './page.css';
import './begin.ts';
import './app.ts';
