/** Before any element is there: the words for refusals, the client that all of them use, the language. */
import '../elements/internal/refusal-words.ts';
import { beginToSpeak } from '../pages/language.ts';
import { pageSession } from '../pages/session.ts';
import { DeskClient, deskClient } from './desk-client.ts';

pageSession(DeskClient);
beginToSpeak(deskClient());
