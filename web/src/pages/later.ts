/**
 * Parts of every page that come after the first sight: few have a booking that was not answered, or want to be told something,
 * and nothing waits for the shell.
 */
import '../elements/seatcast-unsent/seatcast-unsent.ts';
import './script-fonts.ts';
import { installShell } from './install.ts';
import './notify/notify-event.ts';

// Where it is forbidden the page makes do without.
installShell().catch(() => {});
