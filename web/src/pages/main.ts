import './page.css';
import './begin.ts';
import './app.ts';

void import('./later.ts').catch(() => undefined);
