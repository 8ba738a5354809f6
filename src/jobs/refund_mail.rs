//! Tells a buyer that money went back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::booking_letter::{Words, isolated, letter};
use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::pdf::ticket::amount;
use crate::store::letters::{LETTER_WORTH, REFUND_MAIL_JOB, refund_mail_job};
use crate::store::payments::RefundState;
use crate::ticketing::record::Money;
use crate::ticketing::{BookingId, EventId, RefundId};

/// Written in the transaction that posts the refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundMail {
    pub refund_id: RefundId,
    pub booking_id: BookingId,
    pub event_id: EventId,
}

impl Kind for RefundMail {
    const NAME: &'static str = REFUND_MAIL_JOB;
    const WORTH: Duration = LETTER_WORTH;

    fn key(&self, _: &Proofs) -> String {
        refund_mail_job(self.refund_id, self.booking_id, self.event_id).key
    }

    /// Done at once on a node that sends no mails: then nobody was promised one.
    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let Some(mailer) = &hands.mailer else {
            return Ok(End::Done);
        };
        let refund = hands.store.refund(self.refund_id).await?;
        let Some(refund) = refund.filter(|refund| refund.state == RefundState::Succeeded) else {
            return Ok(End::Done);
        };
        let Some(told) = hands.store.booking_to_tell(refund.booking_id).await? else {
            return Ok(End::Done);
        };
        let money = amount(&Money {
            amount: refund.amount,
            currency: told.total.currency.clone(),
        });
        let letter = letter(&told, words(told.lang, &told.title, &money), hands);
        mailer
            .send(letter.mail(&told.email, &task.mail_key())?)
            .await?;
        Ok(End::Done)
    }
}

fn words(lang: Lang, title: &str, money: &str) -> Words {
    let (subject, line) = match lang {
        Lang::En => (
            format!("Your money for {title} is on its way back"),
            format!("{money} went back the way it was paid. Banks may need some days to show it."),
        ),
        Lang::Th => (
            format!("กำลังคืนเงินสำหรับ {title}"),
            format!("คืนเงิน {money} ตามช่องทางที่ชำระแล้ว ธนาคารอาจใช้เวลาสองสามวัน"),
        ),
        Lang::Fa => (
            format!("پول شما برای {} در راه بازگشت است", isolated(title)),
            format!(
                "{money} از همان راه پرداخت بازگردانده شد. ممکن است چند روز طول بکشد تا بانک نشانش دهد."
            ),
        ),
    };
    Words {
        subject,
        lines: vec![line],
    }
}
