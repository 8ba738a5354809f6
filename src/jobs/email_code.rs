//! A code to an e-mail address: who types it reads the address's mails.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::mail::Letter;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailCode {
    /// In lower case.
    pub email: String,
    pub lang: Lang,
}

impl Kind for EmailCode {
    const NAME: &'static str = "email_code";
    /// A code that comes later than this would hardly be good any more.
    const WORTH: Duration = Duration::from_secs(10 * 60);
    const DROPPED_WHEN_LATE: bool = true;
    /// One mail in this time to an address, whoever asks.
    const QUIET: Duration = Duration::from_secs(60);
    const NEEDS_MAIL: bool = true;

    fn key(&self, proofs: &Proofs) -> String {
        format!("email-code-{}", proofs.key(&self.email))
    }

    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let code = hands.proofs.email_code(&self.email, task.now());
        let letter = letter(self.lang, code);
        let mail = letter.mail(&self.email, &task.mail_key())?;
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

fn letter(lang: Lang, code: String) -> Letter {
    let [subject, line, reason] = match lang {
        Lang::En => [
            "Your code",
            "Type this code where you book. It is good for 15 minutes.",
            "You get this mail because somebody gave this address to book tickets. If it was not you, do nothing.",
        ],
        Lang::Th => [
            "รหัสของคุณ",
            "กรอกรหัสนี้ในหน้าจองบัตร รหัสใช้ได้ 15 นาที",
            "คุณได้รับอีเมลนี้เพราะมีผู้ใช้ที่อยู่นี้เพื่อจองบัตร หากไม่ใช่คุณ ไม่ต้องทำอะไร",
        ],
        Lang::Fa => [
            "کد شما",
            "این کد را هنگام رزرو وارد کنید. اعتبار آن ۱۵ دقیقه است.",
            "این نامه را می‌گیرید چون کسی این نشانی را برای رزرو بلیت داده است. اگر شما نبودید، کاری نکنید.",
        ],
    };
    Letter {
        lang,
        subject: subject.to_owned(),
        lines: vec![line.to_owned()],
        code: Some(code),
        action: None,
        reason: reason.to_owned(),
    }
}
