import { beginToSpeak } from './language.ts';
import { pageSession } from './session.ts';

// Elements use its client, and the language, from the first drawing on.
beginToSpeak(pageSession().client);
