/** Before any element is there: the language, and the client that all of them use. */
import '../elements/internal/refusal-words.ts';
import { beginLanguage } from '../desk/language-choice.ts';
import { DeskClient } from '../desk/desk-client.ts';
import { pageSession } from '../pages/session.ts';

beginLanguage();
pageSession(DeskClient);
