//! Mails to owners of accounts: to confirm an address, to sign in, to choose a password, to join an organization.
//!
//! Whether there is an account is looked up here, so the request's answer tells nobody. The secret of a link is made here
//! as well, so that no row has it; a job that is done twice sends two links, both good.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::auth::secrets;
use crate::lang::Lang;
use crate::mail::Letter;
use crate::store::accounts::LinkPurpose;
use crate::ticketing::OrganizationId;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// An address is to be proven.
    Confirm,
    /// Somebody registered with an address that has an account.
    Known,
    Reset,
    SignIn,
    /// Of its address there is one invitation to an organization, the newest.
    Invitation {
        organization: OrganizationId,
    },
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Which of the two it is must not show in how often one may ask.
            Purpose::Confirm | Purpose::Known => f.write_str("register"),
            Purpose::Reset => f.write_str("reset"),
            Purpose::SignIn => f.write_str("sign-in"),
            Purpose::Invitation { organization } => write!(f, "invitation-{organization}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountMail {
    pub purpose: Purpose,
    /// In its stored form.
    pub email: String,
    pub lang: Lang,
}

impl Kind for AccountMail {
    const NAME: &'static str = "account_mail";
    const WORTH: Duration = Duration::from_secs(60 * 60);
    const DROPPED_WHEN_LATE: bool = true;
    /// One mail in this time to an address and for one purpose, whoever asks.
    const QUIET: Duration = Duration::from_secs(60);
    const NEEDS_MAIL: bool = true;

    fn key(&self, proofs: &Proofs) -> String {
        let about = format!("{}\n{}", self.purpose, self.email);
        format!("account-mail-{}", proofs.key(&about))
    }

    /// Sends nothing where there is no such account or invitation.
    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let secret = secrets::random();
        let hash = secrets::hash_of(&secret);
        let (named, about) = match self.purpose {
            Purpose::Invitation { organization } => {
                let invited = (organization, self.email.as_str());
                let found = hands.store.token_of_invitation(invited, &hash).await?;
                ("invitation", found.map(|(_, organization)| organization))
            }
            purpose => {
                let (named, link) = match purpose {
                    Purpose::Confirm => ("confirm", LinkPurpose::Confirm),
                    Purpose::SignIn => ("sign-in", LinkPurpose::SignIn),
                    _ => ("reset", LinkPurpose::Reset),
                };
                let found = hands.store.add_link(&self.email, link, &hash).await?;
                (named, found.map(|account| account.name))
            }
        };
        let Some(about) = about else {
            return Ok(End::Done);
        };
        // Behind the `#`: what follows it is in no server's log. The page sends it with a POST.
        let url = format!("{}/account#{named}={secret}", hands.public_url);
        let letter = self.letter(&about, url);
        let mail = letter.mail(&self.email, &task.mail_key())?;
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

impl AccountMail {
    /// `about`: the organization of an invitation.
    fn letter(&self, about: &str, url: String) -> Letter {
        let [subject, line, action] = match (self.purpose, self.lang) {
            (Purpose::Confirm, Lang::En) => [
                "Confirm your e-mail address",
                "Open the link to confirm that this address is yours. It is good for a week.",
                "Confirm the address",
            ],
            (Purpose::Confirm, Lang::Th) => [
                "ยืนยันอีเมลของคุณ",
                "เปิดลิงก์เพื่อยืนยันว่าอีเมลนี้เป็นของคุณ ลิงก์ใช้ได้หนึ่งสัปดาห์",
                "ยืนยันอีเมล",
            ],
            (Purpose::Confirm, Lang::Fa) => [
                "ایمیل خود را تأیید کنید",
                "برای تأیید این نشانی پیوند را باز کنید. یک هفته اعتبار دارد.",
                "تأیید نشانی",
            ],
            (Purpose::Known, Lang::En) => [
                "You have an account already",
                "Somebody registered with this address, which has an account already. If it was you, sign in, or choose a new password with this link within the hour.",
                "Choose a password",
            ],
            (Purpose::Known, Lang::Th) => [
                "คุณมีบัญชีอยู่แล้ว",
                "มีผู้ลงทะเบียนด้วยอีเมลนี้ซึ่งมีบัญชีอยู่แล้ว หากเป็นคุณ โปรดเข้าสู่ระบบ หรือตั้งรหัสผ่านใหม่ด้วยลิงก์นี้ภายในหนึ่งชั่วโมง",
                "ตั้งรหัสผ่าน",
            ],
            (Purpose::Known, Lang::Fa) => [
                "شما حساب دارید",
                "کسی با این نشانی نام‌نویسی کرد که حساب دارد. اگر شما بودید، وارد شوید یا تا یک ساعت با این پیوند گذرواژهٔ تازه برگزینید.",
                "گزینش گذرواژه",
            ],
            (Purpose::Reset, Lang::En) => [
                "Choose a new password",
                "With this link you choose a new password, within the hour. All your sign-ins end with it.",
                "Choose a password",
            ],
            (Purpose::Reset, Lang::Th) => [
                "ตั้งรหัสผ่านใหม่",
                "ตั้งรหัสผ่านใหม่ได้ด้วยลิงก์นี้ภายในหนึ่งชั่วโมง การเข้าสู่ระบบทั้งหมดของคุณจะสิ้นสุดลง",
                "ตั้งรหัสผ่าน",
            ],
            (Purpose::Reset, Lang::Fa) => [
                "گذرواژهٔ تازه",
                "با این پیوند تا یک ساعت گذرواژهٔ تازه برمی‌گزینید. همهٔ ورودهای شما پایان می‌یابند.",
                "گزینش گذرواژه",
            ],
            (Purpose::SignIn, Lang::En) => [
                "Sign in",
                "The link signs you in. It is good once, for a quarter of an hour.",
                "Sign in",
            ],
            (Purpose::SignIn, Lang::Th) => {
                ["เข้าสู่ระบบ", "ลิงก์นี้ใช้เข้าสู่ระบบได้หนึ่งครั้งภายในสิบห้านาที", "เข้าสู่ระบบ"]
            }
            (Purpose::SignIn, Lang::Fa) => [
                "ورود",
                "این پیوند شما را یک بار و تا یک ربع ساعت وارد می‌کند.",
                "ورود",
            ],
            (Purpose::Invitation { .. }, Lang::En) => [
                "You are invited",
                "You are invited to work for this organization. Sign in, and accept within a week:",
                "Accept",
            ],
            (Purpose::Invitation { .. }, Lang::Th) => [
                "คุณได้รับเชิญ",
                "คุณได้รับเชิญให้ร่วมงานกับองค์กรนี้ โปรดเข้าสู่ระบบและตอบรับภายในหนึ่งสัปดาห์:",
                "ตอบรับ",
            ],
            (Purpose::Invitation { .. }, Lang::Fa) => [
                "شما دعوت شده‌اید",
                "برای کار با این سازمان دعوت شده‌اید. وارد شوید و تا یک هفته بپذیرید:",
                "پذیرفتن",
            ],
        };
        let reason = match self.lang {
            Lang::En => {
                "You get this mail because somebody gave this address. If it was not you, do nothing."
            }
            Lang::Th => "คุณได้รับอีเมลนี้เพราะมีผู้ใช้ที่อยู่นี้ หากไม่ใช่คุณ ไม่ต้องทำอะไร",
            Lang::Fa => {
                "این نامه را می‌گیرید چون کسی این نشانی را داده است. اگر شما نبودید، کاری نکنید."
            }
        };
        let mut lines = vec![line.to_owned()];
        if matches!(self.purpose, Purpose::Invitation { .. }) {
            lines.push(about.to_owned());
        }
        Letter {
            lang: self.lang,
            subject: subject.to_owned(),
            lines,
            code: None,
            action: Some((action.to_owned(), url)),
            reason: reason.to_owned(),
        }
    }
}
