import './page.css';
import './begin.ts';
import './app.ts';
import { installShell } from './install.ts';

// Few have a booking that was not answered; its place in the page is filled in after the rest.
void import('../elements/seatcast-unsent/seatcast-unsent.ts').catch(() => undefined);
// Where it is forbidden the page makes do without.
installShell().catch(() => {});
