import '../pages/page.css';
import '../pages/script-fonts.ts';
// First: elements are made as soon as they are defined, and ask for the client.
import './begin.ts';
import './check-in-app.ts';

// Opens the page without network. Where that is forbidden, the page works as long as it is open.
void navigator.serviceWorker?.register('/checkin.js', { scope: '/checkin' }).catch(() => undefined);
