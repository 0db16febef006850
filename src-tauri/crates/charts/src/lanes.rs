//! Room for labels: as near to their moment as possible, in order, never over each other.

/// A label that wants to stand at `x` and takes `width` pixels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Label {
    pub(crate) x: i32,
    pub(crate) width: i32,
    pub(crate) text: String,
}

/// Pixels between two labels of a lane.
pub(crate) const GAP: i32 = 14;

/// Fills at most `most` lanes between `left` and `right`, in the order given. Labels that find no room are counted in
/// one last label that `more` writes.
pub(crate) fn arrange(
    labels: &[Label],
    (left, right): (i32, i32),
    most: usize,
    more: impl Fn(usize) -> Label,
) -> Vec<Vec<Label>> {
    let room = right - left;
    // A lane that begins at its first label's moment reads best; where that is too little, it may begin anywhere.
    let (mut lanes, mut left_over) = fill(labels, most, |first| right - first.x.max(left));
    if left_over > 0 {
        (lanes, left_over) = fill(labels, most, |_| room);
    }
    if let (1.., Some(lane)) = (left_over, lanes.last_mut()) {
        // Labels give way until the count itself has room.
        while !lane.is_empty() && taken(lane) + GAP + more(left_over).width > room {
            lane.pop();
            left_over += 1;
        }
        lane.push(more(left_over));
    }
    for lane in &mut lanes {
        settle(lane, left, right);
    }
    lanes
}

/// Lanes in order, and how many labels found no room. `room` depends on a lane's first label.
fn fill(labels: &[Label], most: usize, room: impl Fn(&Label) -> i32) -> (Vec<Vec<Label>>, usize) {
    let mut lanes: Vec<Vec<Label>> = Vec::new();
    for (n, label) in labels.iter().enumerate() {
        let begun = lanes.len();
        let fits = |lane: &Vec<Label>| taken(lane) + GAP + label.width <= room(&lane[0]);
        match lanes.last_mut().filter(|lane| fits(lane)) {
            Some(lane) => lane.push(label.clone()),
            None if begun < most && label.width <= room(label) => lanes.push(vec![label.clone()]),
            None => return (lanes, labels.len() - n),
        }
    }
    (lanes, 0)
}

fn taken(lane: &[Label]) -> i32 {
    lane.iter().map(|label| label.width).sum::<i32>() + GAP * (lane.len() as i32 - 1)
}

/// To the right of each other first, then back from the edge. The lane is known to fit.
fn settle(lane: &mut [Label], left: i32, right: i32) {
    let mut free = left;
    for label in lane.iter_mut() {
        label.x = label.x.max(free);
        free = label.x + label.width + GAP;
    }
    let mut end = right;
    for label in lane.iter_mut().rev() {
        label.x = label.x.min(end - label.width);
        end = label.x - GAP;
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn more(count: usize) -> Label {
        Label { x: 0, width: 60, text: format!("+{count}") }
    }

    proptest! {
        #[test]
        fn nothing_overlaps_or_leaves_and_nothing_is_lost(
            wishes in vec((0..800_i32, 20..200_i32), 0..40),
            most in 1..4_usize,
        ) {
            let mut wishes = wishes;
            wishes.sort_unstable();
            let total = wishes.len();
            let labels = wishes.into_iter().enumerate().map(|(n, (x, width))| Label { x, width, text: n.to_string() });
            let lanes = arrange(&labels.collect::<Vec<_>>(), (100, 700), most, more);
            prop_assert!(lanes.len() <= most);
            let mut shown = 0;
            let mut hidden = 0;
            for lane in &lanes {
                let mut free = 100;
                for label in lane {
                    prop_assert!(label.x >= free && label.x + label.width <= 700, "{:?}", lane);
                    free = label.x + label.width + GAP;
                    match label.text.strip_prefix('+') {
                        Some(count) => hidden += count.parse::<usize>().unwrap(),
                        None => {
                            prop_assert_eq!(&label.text, &shown.to_string(), "in order");
                            shown += 1;
                        }
                    }
                }
            }
            prop_assert_eq!(shown + hidden, total);
        }
    }

    #[test]
    fn a_label_with_room_stands_at_its_moment() {
        let label = |x| Label { x, width: 50, text: String::new() };
        let lanes = arrange(&[label(120), label(300)], (100, 700), 2, more);
        assert_eq!(lanes, vec![vec![label(120), label(300)]]);
    }

    #[test]
    fn a_second_lane_is_better_than_far_from_its_moment() {
        let label = |x| Label { x, width: 80, text: String::new() };
        let lanes = arrange(&[label(500), label(510), label(520)], (100, 700), 2, more);
        let places: Vec<Vec<i32>> = lanes.iter().map(|lane| lane.iter().map(|l| l.x).collect()).collect();
        assert_eq!(places, [vec![500, 594], vec![520]]);
    }
}
