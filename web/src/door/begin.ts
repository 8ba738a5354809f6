/** Before any element is there: the language, and the client that all of them use. */
import { beginLanguage } from '../desk/language-choice.ts';
import { DeskClient } from '../desk/desk-client.ts';
import { pageSession } from '../pages/session.ts';

beginLanguage();
pageSession(DeskClient);
