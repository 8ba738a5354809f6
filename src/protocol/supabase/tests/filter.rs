use proptest::prelude::*;
use serde_json::json;

use super::{error, filtered, limits, messages};
use crate::protocol::fixtures::{STALLS, removed, sold_one, stalls, state};
use crate::protocol::supabase::JoinConfig;
use crate::protocol::supabase::like::LikePattern;
use crate::ticketing::live::{RowChange, TicketType};

/// Whether a filter lets the sold-one row through: id 101 of event 42, «Stalls», 40 available,
/// 19 reserved, 41 sold, updated at 2026-11-21T01:02:03.456789Z.
fn lets_through(filter: &str) -> bool {
    let config = filtered(filter);
    assert_eq!(error(&config), None, "{filter}");
    !messages(&config, &sold_one()).is_empty()
}

#[test]
fn filters_compare_by_the_type_of_the_column() {
    let through = [
        "",
        "  ",
        "event_id=eq.42",
        " event_id=eq.42 , id=eq.101 ",
        "id=neq.1",
        "id=gt.9",
        "id=gte.101",
        "id=lt.1000",
        "id=lte.101",
        "id=not.lt.9",
        "id=in.(1, 101 ,3)",
        "id=not.in.(1,2)",
        "id=in.(\"101\")",
        "name=eq.Stalls",
        "name=eq.\"Stalls\"",
        "name=eq.\"St\\alls\"",
        "name=not.eq.stalls",
        "name=in.(Balcony,Stalls)",
        "name=in.(\"a,b\",\"Stalls\")",
        "name=in.(\"a\\\")b\",Stalls)",
        "name=like.St%",
        "name=like.%all_",
        "name=like.%",
        "name=ilike.sTALL%",
        "name=not.like.st%",
        "name=match.^St",
        "name=match.al+s$",
        "name=imatch.^st",
        "name=not.imatch.x",
        "name=gt.Balcony",
        "name=not.is.null",
        "name=isdistinct.x",
        "name=isdistinct.null",
        "name=not.isdistinct.Stalls",
        "updated_at=gt.2026-11-21",
        "updated_at=lt.2026-11-22",
        "updated_at=gt.2026-11-21T02:02:03+01:00",
        "updated_at=gt.2026-11-21 01:02:03",
        "updated_at=eq.2026-11-21T01:02:03.456789Z",
        "available_count=eq.40,reserved_count=eq.19,sold_count=eq.41",
        "name=eq.Stalls,id=in.(101,102),id=gt.5",
    ];
    let held_back = [
        "event_id=eq.43",
        "id=neq.101",
        "id=gt.101",
        "id=lt.20",
        "id=not.in.(101)",
        "id=in.()",
        "name=eq.stalls",
        "name=eq. Stalls",
        "name=eq.Stalls\"",
        "name=like.Stall",
        "name=like.stalls",
        "name=like.St\\%",
        "name=match.^alls",
        "name=is.null",
        "name=isdistinct.Stalls",
        "name=not.isdistinct.null",
        "updated_at=lt.2026-11-21T01:02:03.456789Z",
        "id=eq.101,id=eq.102",
    ];
    for filter in through {
        assert!(lets_through(filter), "{filter}");
    }
    for filter in held_back {
        assert!(!lets_through(filter), "{filter}");
    }
}

#[test]
fn commas_in_quotes_and_parentheses_do_not_split() {
    let mut named = sold_one();
    let row = TicketType {
        name: "a,b=eq.\"c\" (d)".into(),
        ..stalls(1, 0, 0)
    };
    named.ticket_types.insert(STALLS, RowChange::update(row));
    for filter in [
        r#"name=eq."a,b=eq.\"c\" (d)""#,
        r#"name=in.(x,"a,b=eq.\"c\" (d)"),id=eq.101"#,
        r#"id=eq.101,name=like."a,b%(d)""#,
        r#"name=like.a_b=eq."c" (d)"#,
    ] {
        let config = filtered(filter);
        assert_eq!(error(&config), None, "{filter}");
        assert_eq!(messages(&config, &named).len(), 1, "{filter}");
    }
}

#[test]
fn a_quote_within_a_value_is_a_character() {
    let mut named = sold_one();
    let row = TicketType {
        name: "5\" pipe".into(),
        ..stalls(1, 0, 0)
    };
    named.ticket_types.insert(STALLS, RowChange::update(row));
    let config = filtered("name=eq.5\" pipe,id=eq.101");
    assert_eq!(messages(&config, &named).len(), 1);
    let config = filtered("name=in.(x,5\" pipe),id=eq.101");
    assert_eq!(messages(&config, &named).len(), 1);
}

/// `like` by its definition: slow and obvious.
fn like(pattern: &[char], text: &[char]) -> bool {
    match (pattern.first(), text.first()) {
        (None, _) => text.is_empty(),
        (Some('%'), _) => {
            like(&pattern[1..], text) || (!text.is_empty() && like(pattern, &text[1..]))
        }
        (Some('_'), Some(_)) => like(&pattern[1..], &text[1..]),
        (Some(wanted), Some(found)) => wanted == found && like(&pattern[1..], &text[1..]),
        (Some(_), None) => false,
    }
}

proptest! {
    #[test]
    fn like_matches_as_the_book_says(pattern in "[ab%_]{0,8}", text in "[ab]{0,8}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let found = LikePattern::parse(&pattern, false).unwrap().matches(&text);
        prop_assert_eq!(found, like(&chars(&pattern), &chars(&text)));
    }

    #[test]
    fn any_filter_is_read_or_told(
        filter in r#"((id|name|updated_at|x)?=?(not\.)?(eq|in|like|match|is|isdistinct|gt)?\.?[("a1,).\\%*+\[ö-]{0,8},?){0,4}|.{0,60}"#
    ) {
        let payload = json!({"config": {"postgres_changes": [{"table": "event_tickets", "filter": filter}]}});
        if let Ok(config) = JoinConfig::read(&payload, &limits()) {
            let state = state();
            prop_assert!(config.bindings.changes(&sold_one(), &state).unwrap().len() <= 1);
            let _ = config.bindings.changes(&removed(), &state);
        }
    }

    /// A value in quotes means itself, whatever is in it. NUL is in no text of ours.
    #[test]
    fn a_quoted_value_is_taken_literally(name in r"[^\x00\n]{0,20}") {
        let quoted = name.replace('\\', r"\\").replace('"', "\\\"");
        let mut delta = sold_one();
        let row = TicketType { name, ..stalls(1, 0, 0) };
        delta.ticket_types.insert(STALLS, RowChange::update(row));
        for filter in [format!("name=eq.\"{quoted}\",id=eq.101"), format!("name=in.(x,\"{quoted}\")")] {
            let config = filtered(&filter);
            prop_assert_eq!(error(&config), None);
            prop_assert_eq!(messages(&config, &delta).len(), 1, "{}", filter);
        }
    }

}
