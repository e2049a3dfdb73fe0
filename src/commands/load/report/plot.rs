//! Plots as SVG. Only numbers and this program's own words are in them; colours and dashes are those of the page's style.

use std::fmt::Write;

/// In the SVG's units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;

/// About as many ticks are on an axis.
const TICKS: f64 = 5.0;

/// Lines over two axes.
pub(super) struct Plot {
    /// What screen readers say.
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

/// What an axis shows. It begins at 0, or for a logarithm at the smallest value.
pub(super) struct Axis {
    pub(super) label: &'static str,
    pub(super) is_logarithmic: bool,
}

/// A line. Its style is that of the class `line` with its number.
pub(super) struct Line {
    pub(super) style: usize,
    pub(super) points: Vec<(f64, f64)>,
}

/// An axis with its values mapped to 0 to 1.
struct Scale {
    from: f64,
    to: f64,
    is_logarithmic: bool,
    ticks: Vec<f64>,
}

impl Scale {
    fn new(axis: &Axis, values: impl Iterator<Item = f64>) -> Self {
        let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            lowest = lowest.min(value);
            highest = highest.max(value);
        }
        if axis.is_logarithmic {
            Self::logarithmic(lowest, highest)
        } else {
            Self::linear(highest)
        }
    }

    /// From 0 to a round number that is not below the highest value.
    fn linear(highest: f64) -> Self {
        let highest = if highest > 0.0 { highest } else { 1.0 };
        let step = round_step(highest / TICKS);
        let count = (highest / step).ceil().max(1.0);
        let ticks = (0..=count as u32).map(|tick| f64::from(tick) * step);
        Self {
            from: 0.0,
            to: count * step,
            is_logarithmic: false,
            ticks: ticks.collect(),
        }
    }

    /// Between powers of ten.
    fn logarithmic(lowest: f64, highest: f64) -> Self {
        let (lowest, highest) = if lowest.is_finite() && highest > 0.0 {
            (lowest.max(highest / 1e9), highest)
        } else {
            (1.0, 10.0)
        };
        let first = lowest.log10().floor() as i32;
        let last = (highest.log10().ceil() as i32).max(first + 1);
        Self {
            from: 10_f64.powi(first),
            to: 10_f64.powi(last),
            is_logarithmic: true,
            ticks: (first..=last).map(|power| 10_f64.powi(power)).collect(),
        }
    }

    fn place(&self, value: f64) -> f64 {
        let place = if self.is_logarithmic {
            let value = value.max(self.from);
            (value / self.from).log10() / (self.to / self.from).log10()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        place.clamp(0.0, 1.0)
    }
}

/// 1, 2 or 5 times a power of ten, at least this large.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= step * 0.999_999);
    factor.unwrap_or(10.0) * power
}

/// A tick's number, without the noise of its calculation.
fn number(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    if rounded >= 1e6 {
        format!("{}M", rounded / 1e6)
    } else if rounded >= 1e4 {
        format!("{}k", rounded / 1e3)
    } else {
        format!("{rounded}")
    }
}

impl Plot {
    pub(super) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x = Scale::new(&self.x, points().map(|point| point.0));
        let y = Scale::new(&self.y, points().map(|point| point.1));
        let to_x = |value: f64| LEFT + x.place(value) * (WIDTH - LEFT - RIGHT);
        let to_y = |value: f64| HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM);
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut svg = format!(
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            self.title
        );
        // Writing to a string does not fail.
        for tick in &y.ticks {
            let at = to_y(*tick);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                number(*tick)
            );
        }
        for tick in &x.ticks {
            let at = to_x(*tick);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{bottom}\"/>\
                 <text class=\"tick\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 16.0,
                number(*tick)
            );
        }
        let _ = write!(
            svg,
            "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text class=\"label\" transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            LEFT + (right - LEFT) / 2.0,
            HEIGHT - 8.0,
            self.x.label,
            TOP + (bottom - TOP) / 2.0,
            self.y.label
        );
        for line in &self.lines {
            let places = line.points.iter();
            let places = places.map(|(x, y)| (to_x(*x), to_y(*y)));
            draw(&mut svg, line.style, &places.collect::<Vec<_>>());
        }
        svg.push_str("</svg>");
        svg
    }
}

/// A line; a single point is a dot.
fn draw(svg: &mut String, style: usize, places: &[(f64, f64)]) {
    if let [(x, y)] = places {
        let _ = write!(
            svg,
            "<circle class=\"dot{style}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
        );
        return;
    }
    let _ = write!(svg, "<polyline class=\"line{style}\" points=\"");
    for (x, y) in places {
        let _ = write!(svg, "{x:.1},{y:.1} ");
    }
    svg.push_str("\"/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(is_logarithmic: bool) -> Axis {
        Axis {
            label: "s",
            is_logarithmic,
        }
    }

    #[test]
    fn linear_axes_end_at_round_numbers() {
        for (highest, ticks) in [
            (9.3, vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
            (100.0, vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0]),
            (0.0, vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ] {
            let scale = Scale::new(&axis(false), [0.0, highest].into_iter());
            let found: Vec<_> = scale.ticks.iter().map(|tick| number(*tick)).collect();
            let ticks: Vec<_> = ticks.into_iter().map(number).collect();
            assert_eq!(found, ticks);
        }
    }

    #[test]
    fn logarithmic_axes_span_powers_of_ten() {
        let scale = Scale::new(&axis(true), [3.0, 240.0].into_iter());
        assert_eq!(scale.ticks, [1.0, 10.0, 100.0, 1_000.0]);
        assert_eq!((scale.place(1.0), scale.place(1_000.0)), (0.0, 1.0));
        assert!((scale.place(10.0) - 1.0 / 3.0).abs() < 1e-9);
        // Nothing, and only zeros.
        assert_eq!(Scale::new(&axis(true), [].into_iter()).ticks, [1.0, 10.0]);
        assert_eq!(
            Scale::new(&axis(true), [0.0].into_iter()).ticks,
            [1.0, 10.0]
        );
    }

    #[test]
    fn a_plot_has_a_line_for_each_series_and_a_dot_for_a_single_point() {
        let lines = vec![
            Line {
                style: 0,
                points: vec![(0.0, 0.0), (10.0, 5.0)],
            },
            Line {
                style: 1,
                points: vec![(5.0, 5.0)],
            },
        ];
        let plot = Plot {
            title: "Requests".to_owned(),
            x: axis(false),
            y: axis(false),
            lines,
        };
        let svg = plot.svg();
        assert!(svg.contains("aria-label=\"Requests\""));
        // From the lower left to the upper right corner.
        assert!(
            svg.contains("<polyline class=\"line0\" points=\"64.0,216.0 696.0,12.0 \"/>"),
            "{svg}"
        );
        assert!(
            svg.contains("<circle class=\"dot1\" cx=\"380.0\" cy=\"12.0\""),
            "{svg}"
        );
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
