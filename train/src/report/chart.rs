//! Charts as SVG.

use std::fmt::Write;

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 40.0;

/// One line of a chart: a value for each epoch.
pub struct Curve<'a> {
    pub name: &'a str,
    /// CSS class, which gives the colour.
    pub class: &'a str,
    pub values: Vec<f64>,
}

/// A chart of positive values on a logarithmic scale.
pub fn line_chart(title: &str, curves: &[Curve<'_>]) -> String {
    // A logarithmic scale has no 0: a value of 0 (no mistake at all) is drawn at the bottom.
    let all = || curves.iter().flat_map(|curve| &curve.values).copied().filter(|&v| v > 0.0);
    let low = all().fold(f64::MAX, f64::min).clamp(1e-6, 1e6);
    let high = all().fold(low * 1.01, f64::max);
    let epochs = curves.iter().map(|curve| curve.values.len()).max().unwrap_or(1);
    let x =
        |epoch: usize| LEFT + (WIDTH - LEFT - RIGHT) * epoch as f64 / (epochs.max(2) - 1) as f64;
    let y = |value: f64| {
        let share = (value.max(low) / low).ln() / (high / low).ln();
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    };

    let mut svg = format!(
        "<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='{title}'>\
         <text x='{LEFT}' y='14'>{title}</text>"
    );
    for value in ticks(low, high) {
        let _ = write!(
            svg,
            "<line class=grid x1='{LEFT}' x2='{}' y1='{y:.1}' y2='{y:.1}'/>\
             <text x='{}' y='{:.1}' text-anchor=end>{value}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y(value) + 4.0,
            y = y(value),
        );
    }
    for (epoch, anchor) in [(0, "start"), (epochs - 1, "end")] {
        let _ = write!(
            svg,
            "<text x='{:.1}' y='{}' text-anchor={anchor}>epoch {}</text>",
            x(epoch),
            HEIGHT - 24.0,
            epoch + 1
        );
    }
    for (i, Curve { name, class, values }) in curves.iter().enumerate() {
        let points: String =
            values.iter().enumerate().map(|(e, &v)| format!("{:.1},{:.1} ", x(e), y(v))).collect();
        let _ = write!(
            svg,
            "<polyline class={class} points='{points}'/>\
             <text class={class} x='{}' y='{}'>{name}</text>",
            LEFT + i as f64 * 240.0,
            HEIGHT - 6.0
        );
    }
    svg + "</svg>"
}

/// Points of a chart over two shares (0–1), with their texts.
pub struct Dots<'a> {
    pub name: &'a str,
    /// CSS class, which gives the colour.
    pub class: &'a str,
    /// x, y, and the text that appears over the point.
    pub points: Vec<(f64, f64, String)>,
}

/// A chart of lines with dots over linear axes, `x` and `y` from and to.
pub fn dot_chart(title: &str, x: [f64; 2], y: [f64; 2], dots: &[Dots<'_>]) -> String {
    let share = |value: f64, [from, to]: [f64; 2]| ((value - from) / (to - from)).clamp(0.0, 1.0);
    let at_x = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * share(value, x);
    let at_y = |value: f64| HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share(value, y);
    let mut svg = format!(
        "<svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='{title}'>\
         <text x='{LEFT}' y='14'>{title}</text>"
    );
    let percent = |value: f64| format!("{} %", (value * 1e4).round() / 1e2);
    for i in 0..=4 {
        let part = |[from, to]: [f64; 2]| from + (to - from) * f64::from(i) / 4.0;
        let (x, y) = (part(x), part(y));
        let _ = write!(
            svg,
            "<line class=grid x1='{LEFT}' x2='{right}' y1='{at:.1}' y2='{at:.1}'/>\
             <text x='{}' y='{:.1}' text-anchor=end>{}</text>\
             <text x='{:.1}' y='{}' text-anchor=middle>{}</text>",
            LEFT - 6.0,
            at_y(y) + 4.0,
            percent(y),
            at_x(x),
            HEIGHT - 24.0,
            percent(x),
            right = WIDTH - RIGHT,
            at = at_y(y),
        );
    }
    for (i, Dots { name, class, points }) in dots.iter().enumerate() {
        let place = |(x, y, _): &(f64, f64, String)| format!("{:.1},{:.1} ", at_x(*x), at_y(*y));
        let line: String = points.iter().map(place).collect();
        let _ = write!(svg, "<polyline class={class} points='{line}'/>");
        for (x, y, words) in points.iter().filter(|(_, _, words)| !words.is_empty()) {
            let _ = write!(
                svg,
                "<circle class={class} cx='{:.1}' cy='{:.1}' r=4><title>{words}</title></circle>",
                at_x(*x),
                at_y(*y)
            );
        }
        let _ = write!(
            svg,
            "<text class={class} x='{}' y='{}'>{name}</text>",
            LEFT + i as f64 * 200.0,
            HEIGHT - 6.0
        );
    }
    svg + "</svg>"
}

/// 1, 2 and 5 times the powers of ten between two values.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let all = decades.flat_map(|d| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(d)));
    // Rounded, so that 2 × 10⁻¹ reads 0.2.
    all.filter(|&v| v >= low && v <= high).map(|v| (v * 1e6).round() / 1e6).collect()
}
