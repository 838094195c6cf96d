//! The ratios as one picture, an SVG: a bar for each peer of each row, with the ratio that was to
//! be reached as a mark, and a line at 1, where overt and the peer need the same.

use std::fmt::Write;

use crate::outcome::{Line, Measured, Outcome};

const WIDTH: f64 = 900.0;
/// Where bars begin, and how long one of ratio 1 is.
const LEFT: f64 = 400.0;
const ONE: f64 = 240.0;
/// Bars are cut here; the figure beside them says how far they would go.
const RATIO_MAX: f64 = 1.6;
const TOP: f64 = 58.0;
const BAR: f64 = 16.0;
const HEADING: f64 = 26.0;

/// Colours that can be told apart on white and on black; everything else follows the reader's
/// scheme.
const STYLE: &str = "
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .row { font-weight: 600 }
  .faint { fill: #59636e }
  .right { text-anchor: end }
  .middle { text-anchor: middle }
  .one { stroke: #59636e; stroke-width: 1 }
  .mark { stroke: #1f2328; stroke-width: 2 }
  .missed { font-weight: 700 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .faint { fill: #9198a1 }
    .one { stroke: #9198a1 }
    .mark { stroke: #f0f6fc }
  }
  .c { fill: #8b7fd1 } .tokio { fill: #d98032 } .go { fill: #2f9fb5 } .overt { fill: #8a929c }
";

/// Draws what was measured; nothing, if there is no ratio.
pub(crate) fn draw(measured: &[Measured]) -> Option<String> {
    let (mut body, mut y) = (String::new(), TOP);
    for row in measured {
        let bars = || row.outcomes.iter().flat_map(bars);
        if bars().next().is_none() {
            continue;
        }
        y += HEADING;
        text(&mut body, 12.0, y - 7.0, "row", &format!("{} {}", row.id, row.title));
        for (outcome, line, ratio) in bars() {
            bar(&mut body, y, outcome, line, ratio);
            y += BAR;
        }
    }
    (!body.is_empty()).then(|| frame(&body, y + 16.0))
}

fn bars(outcome: &Outcome) -> impl Iterator<Item = (&Outcome, &Line, f64)> {
    outcome.lines.iter().filter_map(move |line| Some((outcome, line, line.ratio?)))
}

fn bar(body: &mut String, y: f64, outcome: &Outcome, line: &Line, ratio: f64) {
    let label = format!("{} · {}", outcome.title, line.name);
    text(body, LEFT - 8.0, y + 11.5, "right faint", &label);
    let (class, width) = (class(line.peer), ratio.min(RATIO_MAX) * ONE);
    let _ = writeln!(
        body,
        r#"<rect class="{class}" x="{LEFT}" y="{:.1}" width="{width:.1}" height="12"/>"#,
        y + 1.0
    );
    let mut end = LEFT + width;
    if let Some(most) = line.ratio_at_most {
        let x = LEFT + most.min(RATIO_MAX) * ONE;
        vertical(body, "mark", x, y - 0.5, y + 14.5);
        end = end.max(x);
    }
    let (class, what) = match outcome.verdict(line) {
        Some(false) => ("missed", " missed"),
        _ => ("faint", ""),
    };
    text(body, end + 7.0, y + 11.5, class, &format!("{ratio:.2}{what}"));
}

/// Title, legend and axis around the bars.
fn frame(body: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\">\n<style>{STYLE}</style>\n"
    );
    text(&mut svg, 12.0, 22.0, "title", "What overt needs, divided by what others need");
    let how = format!("Shorter is better. Bars end at {RATIO_MAX}. Mark: what was to be reached.");
    text(&mut svg, 12.0, 42.0, "faint", &how);
    let mut x = LEFT + 30.0;
    for (class, name) in [("c", "epoll in C"), ("tokio", "tokio"), ("go", "Go"), ("overt", "overt")]
    {
        let _ = writeln!(svg, r#"<rect class="{class}" x="{x}" y="33" width="10" height="10"/>"#);
        text(&mut svg, x + 15.0, 42.0, "faint", name);
        x += 40.0 + 6.5 * name.len() as f64;
    }
    vertical(&mut svg, "one", LEFT + ONE, TOP + 6.0, height - 14.0);
    text(&mut svg, LEFT + ONE, height - 3.0, "faint middle", "1");
    svg.push_str(body);
    svg.push_str("</svg>\n");
    svg
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, what: &str) {
    let what = what.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{what}</text>"#);
}

fn vertical(svg: &mut String, class: &str, x: f64, from: f64, to: f64) {
    let _ = writeln!(
        svg,
        r#"<line class="{class}" x1="{x:.1}" y1="{from:.1}" x2="{x:.1}" y2="{to:.1}"/>"#
    );
}

fn class(peer: &str) -> &'static str {
    match peer {
        "epoll in C" => "c",
        "tokio" => "tokio",
        "Go" => "go",
        _ => "overt",
    }
}
