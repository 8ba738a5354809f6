import './page.css';
import './begin.ts';
import './app.ts';
import { installShell } from './install.ts';

// Where it is forbidden the page makes do without.
installShell().catch(() => {});
