import './page.css';
import '../elements/index.ts';
import './app.ts';
import { pageSession } from './session.ts';

// Elements use its client from the first drawing on.
pageSession();
