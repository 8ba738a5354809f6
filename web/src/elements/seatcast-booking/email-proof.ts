import { html, nothing, type TemplateResult } from 'lit';
import type { Language, Translations } from '../internal/language.ts';

interface Words {
  mailedCode: string;
  sendCode: string;
  codeSent: (email: string) => string;
}

export const PROOF_WORDS: Translations<Words> = {
  en: {
    mailedCode: 'Code from the mail',
    sendCode: 'Send me a code',
    codeSent: (email) => `A code is on its way to ${email}.`,
  },
  th: {
    mailedCode: 'รหัสจากอีเมล',
    sendCode: 'ส่งรหัสให้ฉัน',
    codeSent: (email) => `กำลังส่งรหัสไปที่ ${email}`,
  },
  fa: {
    mailedCode: 'کدِ درون ایمیل',
    sendCode: 'برایم کد بفرست',
    codeSent: (email) => `کدی به ${email} فرستاده می‌شود.`,
  },
};

/** Characters that the server takes of a code. */
const CODE_CHARS_MAX = 200;

interface Proof {
  email?: string | null;
  code: string;
  asking: boolean;
  /** A word about the code that was sent. */
  mailed: string | undefined;
  ask: () => Promise<void>;
}

/** The code that proves an address: loaded for the few sales that ask for one. */
export function codeField(language: Language, { email, code, asking, mailed, ask }: Proof): TemplateResult {
  return html`<label>${PROOF_WORDS[language].mailedCode}
      <input name="code" autocomplete="one-time-code" maxlength=${CODE_CHARS_MAX} .value=${code} />
    </label>
    <button class="button small" type="button" ?disabled=${!email || asking} @click=${ask}>${PROOF_WORDS[language].sendCode}</button>
    <p class="terms" role="status">${mailed ?? nothing}</p>`;
}
