/** Before any element is there: the language, and the client that all of them use. */
import '../elements/internal/refusal-words.ts';
import { DeskClient, deskClient } from '../desk/desk-client.ts';
import { beginToSpeak } from '../pages/language.ts';
import { pageSession } from '../pages/session.ts';

pageSession(DeskClient);
beginToSpeak(deskClient());
