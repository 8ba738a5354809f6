#![allow(clippy::unwrap_used)]
use serde_json::json;

use super::*;

/// Reads one field `v` and gives the value, or the code of what is wrong with it.
fn read_one<T>(
    value: Value,
    reader: impl FnOnce(&mut Fields) -> Option<T>,
) -> Result<Option<T>, &'static str> {
    let Value::Object(object) = json!({ "v": value }) else {
        unreachable!()
    };
    let mut fields = Fields::new(object, false);
    let value = reader(&mut fields);
    match fields.errors.first() {
        None => Ok(value),
        Some(error) => Err(error.code),
    }
}

#[test]
fn whole_numbers_are_read_in_any_spelling_and_never_wrap() {
    let integer = |value| read_one(value, |fields| fields.integer("v", 1..=i64::MAX));
    assert_eq!(integer(json!(7)), Ok(Some(7)));
    assert_eq!(integer(json!(1459.0)), Ok(Some(1459)));
    assert_eq!(integer(json!(i64::MAX)), Ok(Some(i64::MAX)));
    assert_eq!(integer(json!(null)), Ok(None));
    for (value, code) in [
        (json!(0), "TOO_SMALL"),
        (json!(-1), "TOO_SMALL"),
        (json!(-1e30), "TOO_SMALL"),
        (json!(u64::MAX), "TOO_BIG"),
        (json!(1e30), "TOO_BIG"),
        (json!(1.5), "NOT_AN_INTEGER"),
        (json!("7"), "NOT_AN_INTEGER"),
        (json!(true), "NOT_AN_INTEGER"),
        (json!([7]), "NOT_AN_INTEGER"),
    ] {
        assert_eq!(integer(value.clone()), Err(code), "{value}");
    }
}

#[test]
fn times_that_cannot_be_kept_are_told_from_what_is_no_time() {
    let time = |text: &str| read_one(json!(text), |fields| fields.time("v")).err();
    for beyond in [
        "9999-12-31T23:59:59Z",
        "9999-06-01T00:00:00+02:00",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "-009999-01-01T00:00:00+14:00",
    ] {
        assert_eq!(time(beyond), Some("YEAR_OUT_OF_RANGE"), "{beyond}");
    }
    for wrong in [
        "",
        "9999-12-31",
        "9999-12-31T23:59:59",
        "9999-12-32T00:00:00Z",
        "soon",
    ] {
        assert_eq!(time(wrong), Some("NOT_A_TIME"), "{wrong}");
    }
    assert_eq!(time("9998-12-31T23:59:59Z"), None);
}

#[test]
fn a_line_with_too_many_cells_is_named_itself() {
    let cells = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let lines = [(2, cells("1,2")), (3, cells("1,2,3"))];
    let read = read_lines(&cells("a,b"), lines.into_iter(), |fields| {
        Some((fields.raw("a")?.clone(), fields.raw("b")?.clone()))
    });
    let refused = read.unwrap_err();
    assert_eq!(
        refused.field_errors(),
        [FieldError::new("line[3]", "TOO_MANY", 2)]
    );
}

#[test]
fn a_row_that_is_named_twice_is_named_once() {
    let ids = read_one(json!([3, 1, 3.0, 2, 1]), |fields| fields.ids::<i64>("v", 5));
    assert_eq!(ids, Ok(Some(vec![3, 1, 2])));
    let wrong = read_one(json!([3, 3, 0]), |fields| fields.ids::<i64>("v", 5));
    assert_eq!(wrong, Err("NOT_AN_ID"));
}

#[test]
fn null_empties_only_what_a_change_may_empty() {
    struct Change;
    impl Input for Change {
        const IS_CHANGE: bool = true;

        fn read(fields: &mut Fields) -> Option<Change> {
            fields.alias("until", "to");
            let _ = (fields.text("name", 9), fields.time("to"), fields.take("on"));
            let _ = fields.items("list", 9, |_, _, _| Some(()));
            fields.is_null("limit").then_some(Change)
        }
    }
    let read = |value| read_json::<Change>(value).map(|_| ());
    assert!(read(json!({"limit": null, "on": true, "list": []})).is_ok());
    let refused = read(json!({"name": null, "until": null, "list": null, "on": null, "limit": 1}));
    let refused = refused.unwrap_err();
    let wrong: Vec<(&str, &str)> = refused
        .field_errors()
        .iter()
        .map(|error| (error.field.as_str(), error.code))
        .collect();
    let empty = ["list", "name", "on", "until"].map(|name| (name, "EMPTY"));
    assert_eq!(wrong, empty);
}

#[test]
fn a_field_under_another_name_is_wrong_under_that_name() {
    let Value::Object(object) = json!({"cost": {"amount": "a"}, "end": 1}) else {
        unreachable!()
    };
    let mut fields = Fields::new(object, false);
    fields.alias("cost", "price");
    fields.alias("end", "until");
    let price = fields.take("price").unwrap();
    fields.within("price", price, |price| price.integer("amount", 0..=9));
    fields.time("until");
    fields.require(&["from"]);
    let wrong: Vec<&str> = fields.errors.iter().map(|e| e.field.as_str()).collect();
    assert_eq!(wrong, ["cost.amount", "end", "from"]);
}

#[test]
fn text_is_trimmed_bounded_and_free_of_nul() {
    let text = |value| read_one(value, |fields| fields.filled_text("v", 3));
    assert_eq!(text(json!("  abc ")), Ok(Some("abc".to_owned())));
    assert_eq!(text(json!("ก้า")), Ok(Some("ก้า".to_owned())));
    assert_eq!(text(json!("abcd")), Err("TOO_LONG"));
    assert_eq!(text(json!("a\u{0}b")), Err("NUL_IN_TEXT"));
    assert_eq!(text(json!("  ")), Err("EMPTY"));
    assert_eq!(text(json!(5)), Err("NOT_TEXT"));
}

#[test]
fn times_have_an_offset_and_a_year_that_can_be_stored() {
    let time = |value| read_one(value, |fields| fields.time("v"));
    let noon = "2027-06-01T10:00:00Z".parse().unwrap();
    assert_eq!(time(json!("2027-06-01T12:00:00+02:00")), Ok(Some(noon)));
    for (value, code) in [
        ("2027-06-01T12:00:00", "NOT_A_TIME"),
        ("2027-06-31T12:00:00Z", "NOT_A_TIME"),
        ("tomorrow", "NOT_A_TIME"),
        ("-004000-01-01T00:00:00Z", "YEAR_OUT_OF_RANGE"),
        ("1969-12-31T23:59:59Z", "YEAR_OUT_OF_RANGE"),
        // core_10: the schema's bound, whatever the offset.
        ("9999-06-01T00:00:00Z", "YEAR_OUT_OF_RANGE"),
        ("9998-12-31T23:30:00-01:00", "YEAR_OUT_OF_RANGE"),
        ("+10000-01-01T00:00:00Z", "NOT_A_TIME"),
    ] {
        assert_eq!(time(json!(value)), Err(code), "{value}");
    }
    assert_eq!(time(json!(1_700_000_000)), Err("NOT_A_TIME"));
}

struct OrderInput {
    lines: Vec<i64>,
}

impl Input for OrderInput {
    fn read(fields: &mut Fields) -> Option<OrderInput> {
        fields.require(&["name", "lines"]);
        let name = fields.filled_text("name", 10);
        let lines = fields.items("lines", 3, |fields, place, line| {
            fields.within(place, line, |fields| {
                fields.require(&["count"]);
                fields.integer("count", 1..=9)
            })
        });
        name?;
        Some(OrderInput { lines: lines? })
    }
}

fn wrong(value: Value) -> Vec<String> {
    let error = read_json::<OrderInput>(value).err().unwrap();
    let errors = error.field_errors().iter();
    errors
        .map(|error| format!("{} {}", error.field, error.code))
        .collect()
}

#[test]
fn everything_that_is_wrong_is_said_with_its_place() {
    let order = json!({ "name": "", "lines": [{ "count": 0 }, 5, { "cuont": 1 }], "unknown": 1 });
    assert_eq!(
        wrong(order),
        [
            "name EMPTY",
            "lines[0].count TOO_SMALL",
            "lines[1] NOT_AN_OBJECT",
            "lines[2].count REQUIRED",
            "lines[2].cuont UNKNOWN_FIELD",
            "unknown UNKNOWN_FIELD",
        ]
    );
    assert_eq!(wrong(json!({})), ["name REQUIRED", "lines REQUIRED"]);
    assert_eq!(wrong(json!([])), [" NOT_AN_OBJECT"]);
    let many = json!({ "name": "a", "lines": [{}, {}, {}, {}] });
    assert_eq!(wrong(many), ["lines TOO_MANY"]);
}

#[test]
fn core_15_an_unknown_field_of_a_body_is_refused_by_name() {
    let order = json!({ "name": "a", "lines": [{ "count": 2 }], "more": {} });
    assert_eq!(wrong(order.clone()), ["more UNKNOWN_FIELD"]);
    let known = json!({ "name": "a", "lines": [{ "count": 2 }] });
    assert_eq!(read_json::<OrderInput>(known).ok().unwrap().lines, [2]);
    let refused = read_json::<OrderInput>(order).err().unwrap();
    assert_eq!(refused.code(), "UNKNOWN_FIELD");
    // Beside other errors it is one of them, and a null says as little as it does otherwise.
    let order = json!({ "name": "a", "lines": [{ "count": 0, "of": null }] });
    let expected = ["lines[0].count TOO_SMALL", "lines[0].of UNKNOWN_FIELD"];
    assert_eq!(wrong(order.clone()), expected);
    let refused = read_json::<OrderInput>(order).err().unwrap();
    assert_eq!(refused.code(), "VALIDATION_FAILED");
    // However many there are, the answer is short.
    let many: Map<String, Value> = (0..5_000).map(|n| (format!("f{n}"), json!(n))).collect();
    assert_eq!(wrong(Value::Object(many)).len(), ERRORS_MAX);
}

#[test]
fn a_field_may_have_two_names_but_only_one_at_a_time() {
    struct At(Option<i64>);
    impl Input for At {
        fn read(fields: &mut Fields) -> Option<At> {
            fields.alias("when", "at");
            Some(At(fields.integer("at", 0..=9)))
        }
    }
    let at = |value| read_json::<At>(value).map(|At(at)| at);
    assert_eq!(at(json!({"when": 7})).ok(), Some(Some(7)));
    assert_eq!(at(json!({"at": 7, "when": null})).ok(), Some(Some(7)));
    let twice = at(json!({"at": 7, "when": 7})).err().unwrap();
    assert_eq!(twice.field_errors()[0].code, "DUPLICATE");
}

#[test]
fn a_query_is_text_throughout() {
    struct Flags(Option<i64>, Option<bool>);
    impl Input for Flags {
        fn read(fields: &mut Fields) -> Option<Flags> {
            Some(Flags(fields.integer("n", 0..=9), fields.boolean("b")))
        }
    }
    let pairs = |n: &str, b: &str| {
        vec![
            ("n".to_owned(), n.to_owned()),
            ("b".to_owned(), b.to_owned()),
        ]
    };
    let Flags(n, b) = read_query(pairs(" 7", "true")).ok().unwrap();
    assert_eq!((n, b), (Some(7), Some(true)));
    let mut tracked = pairs("7", "true");
    tracked.push(("utm_source".to_owned(), "mail".to_owned()));
    assert!(
        read_query::<Flags>(tracked).is_ok(),
        "unknown ones are ignored"
    );
    assert!(read_query::<Flags>(pairs("x", "yes")).is_err());
}
