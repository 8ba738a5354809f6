//! Asks a buyer to pay again, whose booking is confirmed and whose money did not come: an authorisation lapsed, or the bank let
//! nobody take what it had set aside.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::booking_letter::{Words, isolated, letter};
use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::pdf::ticket::amount;
use crate::store::letters::{BookingToTell, LETTER_WORTH, PAYMENT_OWED_JOB};
use crate::ticketing::{BookingId, PaymentId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentOwed {
    pub payment_id: PaymentId,
    pub booking_id: BookingId,
}

impl Kind for PaymentOwed {
    const NAME: &'static str = PAYMENT_OWED_JOB;
    const WORTH: Duration = LETTER_WORTH;
    const NEEDS_MAIL: bool = true;

    fn key(&self, _: &Proofs) -> String {
        format!("payment-owed-{}", self.payment_id)
    }

    /// Sends nothing if it was paid meanwhile, or a person has decided.
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

/// Whether the buyer still owes it.
pub(crate) fn is_due(told: &BookingToTell) -> bool {
    told.is_owed
}

fn words(told: &BookingToTell) -> Words {
    let (title, money) = (&told.title, amount(&told.total));
    let (subject, lines) = match told.lang {
        Lang::En => (
            format!("Please pay again for your tickets for {title}"),
            [
                "Your tickets are yours, but your bank did not give us the money. Nothing was taken.".to_owned(),
                format!("Open the booking and pay {money} again. Otherwise the organizer may cancel it."),
            ],
        ),
        Lang::Th => (
            format!("โปรดชำระเงินอีกครั้งสำหรับบัตร {title}"),
            [
                "บัตรเป็นของคุณแล้ว แต่ธนาคารของคุณไม่ได้ส่งเงินให้เรา จึงยังไม่มีการหักเงิน".to_owned(),
                format!("โปรดเปิดการจองและชำระ {money} อีกครั้ง มิฉะนั้นผู้จัดงานอาจยกเลิกการจองนี้"),
            ],
        ),
        Lang::Fa => (
            format!("لطفاً بهای بلیت‌های {} را دوباره بپردازید", isolated(title)),
            [
                "بلیت‌ها از آنِ شماست، اما بانک شما پول را به ما نداد. چیزی برداشت نشده است.".to_owned(),
                format!("رزرو را باز کنید و {money} را دوباره بپردازید، وگرنه برگزارکننده ممکن است آن را لغو کند."),
            ],
        ),
    };
    Words {
        subject,
        lines: lines.to_vec(),
    }
}
