//! An event in the head of its page, for those that run no scripts: search engines (schema.org `Event`, with what is left)
//! and previews of links (Open Graph).

use std::fmt::Write;

use serde_json::{Value, json};

use crate::ticketing::availability::{
    Availability, SaleState, StockStatus, TicketTypeAvailability,
};
use crate::ticketing::live::{EventInfo, EventStatus};
use crate::ticketing::record::Money;

/// Characters of a description that previews show.
const PREVIEW_CHARS_MAX: usize = 200;

/// An event as its page tells of it.
#[derive(Debug, Clone)]
pub struct ShownEvent {
    pub event: EventInfo,
    pub availability: Availability,
}

/// The page with the event's title and head. `base`: where everybody finds the pages, without a slash at its end.
pub(super) fn with_event(page: &str, of: &ShownEvent, base: Option<&str>) -> String {
    let title = format!("<title>{} · Seatcast</title>", escaped(&of.event.title));
    let page = match (page.find("<title>"), page.find("</title>")) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{title}{}", &page[..from], &page[to + "</title>".len()..])
        }
        _ => page.to_owned(),
    };
    match page.find("</head>") {
        Some(at) => format!("{}{}{}", &page[..at], head(of, base), &page[at..]),
        None => page,
    }
}

fn head(
    ShownEvent {
        event,
        availability,
    }: &ShownEvent,
    base: Option<&str>,
) -> String {
    let url = base.map(|base| format!("{base}/events/{}", event.id));
    let image = event
        .image_url
        .as_deref()
        .and_then(|image| absolute(image, base));
    let said = preview(event);
    let mut head = String::new();
    for (name, value) in [
        ("og:type", Some("website")),
        ("og:site_name", Some("Seatcast")),
        ("og:title", Some(event.title.as_str())),
        ("og:description", Some(said.as_str())),
        ("og:url", url.as_deref()),
        ("og:image", image.as_deref()),
    ] {
        if let Some(value) = value {
            let value = escaped(value);
            // Writing to a text cannot fail.
            let _ = write!(head, "<meta property=\"{name}\" content=\"{value}\" />");
        }
    }
    if let Some(url) = &url {
        let _ = write!(head, "<link rel=\"canonical\" href=\"{}\" />", escaped(url));
    }
    let told = schema(event, availability, url.as_deref(), image.as_deref());
    // In a script `<` could end it.
    let told = told.to_string().replace('<', "\\u003c");
    let _ = write!(head, "<script type=\"application/ld+json\">{told}</script>");
    head
}

/// Day, place and the first words of the description.
fn preview(event: &EventInfo) -> String {
    let day = event.starts_at.get(..10).unwrap_or(&event.starts_at);
    let mut said = format!("{day} · {}", event.venue);
    let description = event.description.trim();
    if !description.is_empty() {
        said.push_str(" · ");
        said.push_str(description);
    }
    if said.chars().count() > PREVIEW_CHARS_MAX {
        said = said.chars().take(PREVIEW_CHARS_MAX - 1).collect();
        said.push('…');
    }
    said
}

fn schema(
    event: &EventInfo,
    stock: &Availability,
    url: Option<&str>,
    image: Option<&str>,
) -> Value {
    let status = match event.status {
        EventStatus::Cancelled => "https://schema.org/EventCancelled",
        _ => "https://schema.org/EventScheduled",
    };
    let types = stock.ticket_types.iter();
    let mut told = json!({
        "@context": "https://schema.org",
        "@type": "Event",
        "name": event.title,
        "startDate": event.starts_at,
        "eventStatus": status,
        "location": {"@type": "Place", "name": event.venue, "address": event.venue},
        "maximumAttendeeCapacity": stock.total_capacity,
        "remainingAttendeeCapacity": stock.available_tickets,
        "offers": types.map(|one| offer(one, stock, url)).collect::<Vec<_>>(),
    });
    let description = event.description.trim();
    for (name, value) in [
        (
            "description",
            Some(description).filter(|text| !text.is_empty()),
        ),
        ("endDate", event.ends_at.as_deref()),
        ("doorTime", event.doors_at.as_deref()),
        ("image", image),
        ("url", url),
    ] {
        if let Some(value) = value {
            told[name] = json!(value);
        }
    }
    told
}

fn offer(of: &TicketTypeAvailability, stock: &Availability, url: Option<&str>) -> Value {
    // A type has no more left than the event as a whole.
    let left = of.available.min(stock.available_tickets).max(0);
    let availability = match (of.sale_state, of.status) {
        (SaleState::NotStarted, _) => "https://schema.org/PreSale",
        (SaleState::OnSale, _) if left == 0 => "https://schema.org/SoldOut",
        (SaleState::OnSale, StockStatus::Available) => "https://schema.org/InStock",
        (SaleState::OnSale, _) => "https://schema.org/LimitedAvailability",
        _ => "https://schema.org/Discontinued",
    };
    let Money { currency, .. } = &of.price;
    let mut told = json!({
        "@type": "Offer",
        "name": of.name,
        "price": of.price.shown(),
        "priceCurrency": currency,
        "availability": availability,
        "inventoryLevel": {"@type": "QuantitativeValue", "value": left},
    });
    if let Some(url) = url {
        told["url"] = json!(url);
    }
    told
}

/// Previews are made elsewhere, so a path of this server needs its name.
fn absolute(image: &str, base: Option<&str>) -> Option<String> {
    match image.starts_with('/') {
        true => base.map(|base| format!("{base}{image}")),
        false => Some(image.to_owned()),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::ticketing::availability::Thresholds;
    use crate::ticketing::live::TicketType;

    const PAGE: &str = "<html><head><title>Seatcast</title></head><body></body></html>";
    const BASE: Option<&str> = Some("https://tickets.example");

    fn named(title: &str, description: &str) -> ShownEvent {
        let event: EventInfo = serde_json::from_value(json!({
            "id": 42, "organizer_id": 2, "title": title, "description": description, "venue": "Old <Hall>",
            "category": "music", "image_url": "/pictures/42.jpg", "starts_at": "2027-03-12T19:00:00Z",
            "ends_at": null, "doors_at": "2027-03-12T18:00:00Z", "timezone": "Asia/Bangkok", "currency": "THB",
            "status": "active", "capacity": 10, "membership_required": false, "max_per_booking": 10,
            "hold_minutes": 15, "layout": 0, "updated_at": "2026-11-29T00:00:00Z",
        }))
        .unwrap();
        let ticket_type: TicketType = serde_json::from_value(json!({
            "id": 7, "name": "Standing", "price": 45_000, "updated_at": "2026-11-29T00:00:00Z", "capacity": 10,
            "available": 1, "held": 4, "sold": 5, "sort": 0, "sale_from": null, "sale_to": null,
        }))
        .unwrap();
        let now = "2026-11-29T00:00:00Z".parse().unwrap();
        let thresholds = Thresholds {
            limited_percent: 25,
            almost_sold_out_percent: 10,
            low_stock_below: 10,
        };
        let availability = Availability::of(3, &event, &[&ticket_type], &thresholds, now);
        ShownEvent {
            event,
            availability,
        }
    }

    pub(in crate::web) fn event() -> ShownEvent {
        named("Jazz", "An evening.")
    }

    fn schema_in(page: &str) -> Value {
        let from = page
            .split("<script type=\"application/ld+json\">")
            .nth(1)
            .unwrap();
        serde_json::from_str(from.split("</script>").next().unwrap()).unwrap()
    }

    #[test]
    fn search_engines_read_when_where_and_what_is_left() {
        let page = with_event(PAGE, &event(), BASE);
        assert!(page.contains("<title>Jazz · Seatcast</title>"));
        let told = schema_in(&page);
        assert_eq!(told["@type"], "Event");
        assert_eq!(told["startDate"], "2027-03-12T19:00:00Z");
        assert_eq!(told["location"]["name"], "Old <Hall>");
        assert_eq!(told["image"], "https://tickets.example/pictures/42.jpg");
        let offer = &told["offers"][0];
        assert_eq!(
            (&offer["price"], &offer["priceCurrency"]),
            (&json!("450.00"), &json!("THB"))
        );
        assert_eq!(
            offer["availability"],
            "https://schema.org/LimitedAvailability"
        );
        assert_eq!(offer["inventoryLevel"]["value"], 1);
    }

    #[test]
    fn previews_have_title_picture_and_address_where_it_is_known() {
        let page = with_event(PAGE, &event(), BASE);
        for part in [
            "<meta property=\"og:title\" content=\"Jazz\" />",
            "content=\"2027-03-12 · Old &lt;Hall&gt; · An evening.\"",
            "<link rel=\"canonical\" href=\"https://tickets.example/events/42\" />",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        let unknown = with_event(PAGE, &event(), None);
        assert!(!unknown.contains("canonical") && !unknown.contains("og:image"));
    }

    #[test]
    fn nothing_that_an_organizer_writes_becomes_markup() {
        let evil = "</title></script><script>alert(1)</script>\" onload='x'";
        let page = with_event(PAGE, &named(evil, evil), BASE);
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        assert_eq!(page.matches("</title>").count(), 1, "{page}");
        let before = page.split("<script").next().unwrap();
        assert!(!before.contains("\" onload"), "{page}");
        assert_eq!(schema_in(&page)["name"], evil);
    }

    #[test]
    fn long_descriptions_are_cut_at_a_letter() {
        let page = with_event(PAGE, &named("Jazz", &"ก".repeat(1_000)), BASE);
        assert!(page.contains("ก…\""));
    }
}
