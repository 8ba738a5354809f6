//! Reminds a buyer, some minutes before the hold ends, who has not begun to pay.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::booking_letter::{Words, isolated, letter};
use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::pdf::ticket::{amount, when};
use crate::store::letters::{BookingToTell, LETTER_WORTH, PAYMENT_REMINDER_JOB};
use crate::ticketing::BookingId;
use crate::ticketing::record::BookingStatus;

/// Written by the sweeper, which knows the deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentReminder {
    pub booking_id: BookingId,
}

impl Kind for PaymentReminder {
    const NAME: &'static str = PAYMENT_REMINDER_JOB;
    const WORTH: Duration = LETTER_WORTH;
    /// The row ends with its hold.
    const DROPPED_WHEN_LATE: bool = true;
    const NEEDS_MAIL: bool = true;

    fn key(&self, _: &Proofs) -> String {
        format!("{PAYMENT_REMINDER_JOB}-{}", self.booking_id)
    }

    /// Sends nothing if the buyer has begun to pay meanwhile, or the hold is over.
    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let told = hands.store.booking_to_tell(self.booking_id).await?;
        let Some(told) = told.filter(is_due) else {
            return Ok(End::Done);
        };
        let letter = letter(&told, words(&told), hands);
        let mail = letter.mail(&told.email, &task.mail_key())?;
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

/// Whether the buyer can still pay, and has not begun to.
pub(crate) fn is_due(told: &BookingToTell) -> bool {
    let stands = told.status == BookingStatus::Pending && !told.has_payment;
    (stands || mistaken!(RemindPaid)) && told.expires_at.is_some_and(|at| at > told.now)
}

fn words(told: &BookingToTell) -> Words {
    let (title, money) = (&told.title, amount(&told.total));
    let until = told.expires_at.unwrap_or(told.now);
    let until = when(until, &told.timezone, told.lang);
    let (subject, line) = match told.lang {
        Lang::En => (
            format!("Your tickets for {title} are not paid yet"),
            format!(
                "They are held for you until {until}. Pay {money} by then, or they go back on sale."
            ),
        ),
        Lang::Th => (
            format!("บัตรของคุณสำหรับ {title} ยังไม่ได้ชำระเงิน"),
            format!("เราเก็บบัตรไว้ให้คุณถึง {until} โปรดชำระ {money} ก่อนเวลานั้น มิฉะนั้นบัตรจะเปิดขายอีกครั้ง"),
        ),
        Lang::Fa => (
            format!(
                "بهای بلیت‌های شما برای {} هنوز پرداخت نشده است",
                isolated(title)
            ),
            format!(
                "تا {until} برای شما نگه داشته می‌شوند. تا آن زمان {money} بپردازید، وگرنه دوباره به فروش می‌روند."
            ),
        ),
    };
    Words {
        subject,
        lines: vec![line],
    }
}
