import '../elements/internal/refusal-words.ts';
import { pageSession } from '../pages/session.ts';
import { DeskClient } from './desk-client.ts';
import { beginLanguage } from './language-choice.ts';

beginLanguage();
pageSession(DeskClient);
