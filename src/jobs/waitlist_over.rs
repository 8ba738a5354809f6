//! Tells somebody on the waitlist that the event was cancelled.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::booking_letter::isolated;
use super::{End, Failed, JobHands, Kind, Task};
use crate::auth::proofs::Proofs;
use crate::lang::Lang;
use crate::mail::Letter;
use crate::store::letters::LETTER_WORTH;
use crate::store::waitlist::{WAITLIST_OVER_JOB, WaitToEnd};
use crate::ticketing::{EventId, WaitingId};

/// Written for each place, by the job of the cancelled event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitlistOver {
    pub waiting_id: WaitingId,
    pub event_id: EventId,
}

impl Kind for WaitlistOver {
    const NAME: &'static str = WAITLIST_OVER_JOB;
    const WORTH: Duration = LETTER_WORTH;
    const NEEDS_MAIL: bool = true;

    fn key(&self, _: &Proofs) -> String {
        format!("{WAITLIST_OVER_JOB}-{}", self.waiting_id)
    }

    async fn carry_out(&self, hands: &JobHands, task: &Task<'_>) -> Result<End, Failed> {
        let Some(told) = hands.store.wait_to_end(self.waiting_id).await? else {
            return Ok(End::Done);
        };
        let mail = letter(&told).mail(&told.email, &task.mail_key())?;
        hands.mailer()?.send(mail).await?;
        Ok(End::Done)
    }
}

fn letter(told: &WaitToEnd) -> Letter {
    let lang = Lang::parse(&told.lang).unwrap_or(Lang::En);
    let title = &told.title;
    let (subject, line, given, reason) = match lang {
        Lang::En => (
            format!("{title} does not take place"),
            "The event for which you are on the waitlist was cancelled. You do not have to do anything.",
            "Reason",
            "You get this mail because you are on the waitlist of this event.",
        ),
        Lang::Th => (
            format!("{title} ถูกยกเลิก"),
            "งานที่คุณอยู่ในรายชื่อรอถูกยกเลิกแล้ว คุณไม่ต้องดำเนินการใด ๆ",
            "เหตุผล",
            "คุณได้รับอีเมลนี้เพราะอยู่ในรายชื่อรอของงานนี้",
        ),
        Lang::Fa => (
            format!("{} برگزار نمی‌شود", isolated(title)),
            "رویدادی که در فهرست انتظار آن هستید لغو شد. لازم نیست کاری انجام دهید.",
            "دلیل",
            "این نامه را می‌گیرید چون در فهرست انتظار این رویداد هستید.",
        ),
    };
    let mut lines = vec![line.to_owned()];
    let because = told.reason.as_ref();
    lines.extend(because.map(|because| format!("{given}: {}", isolated(because))));
    Letter {
        lang,
        subject,
        lines,
        code: None,
        action: None,
        reason: reason.to_owned(),
    }
}
