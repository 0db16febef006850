//! Figures and letters out of blocks, large enough for a text screen to be read from across the room. Pure.

/// Lines of text that one row of a glyph takes: a character cell is about twice as high as wide.
const LINES_A_ROW: usize = 2;
/// Columns of a text screen, less a margin.
const COLUMNS: usize = 76;

/// Five rows of a character; `#` is a block. Letters are those of a machine's code, which leaves out the ones that are
/// mistaken for others.
#[rustfmt::skip]
fn glyph(character: char) -> [&'static str; 5] {
    match character {
        '0' => ["###", "#.#", "#.#", "#.#", "###"], '1' => [".#.", "##.", ".#.", ".#.", "###"],
        '2' => ["###", "..#", "###", "#..", "###"], '3' => ["###", "..#", "###", "..#", "###"],
        '4' => ["#.#", "#.#", "###", "..#", "..#"], '5' => ["###", "#..", "###", "..#", "###"],
        '6' => ["###", "#..", "###", "#.#", "###"], '7' => ["###", "..#", "..#", "..#", "..#"],
        '8' => ["###", "#.#", "###", "#.#", "###"], '9' => ["###", "#.#", "###", "..#", "###"],
        'A' => [".###.", "#...#", "#####", "#...#", "#...#"], 'C' => [".####", "#....", "#....", "#....", ".####"],
        'D' => ["####.", "#...#", "#...#", "#...#", "####."], 'E' => ["#####", "#....", "####.", "#....", "#####"],
        'F' => ["#####", "#....", "####.", "#....", "#...."], 'H' => ["#...#", "#...#", "#####", "#...#", "#...#"],
        'J' => ["..###", "...#.", "...#.", "#..#.", ".##.."], 'K' => ["#..#.", "#.#..", "##...", "#.#..", "#..#."],
        'L' => ["#....", "#....", "#....", "#....", "#####"], 'M' => ["#...#", "##.##", "#.#.#", "#...#", "#...#"],
        'N' => ["#...#", "##..#", "#.#.#", "#..##", "#...#"], 'P' => ["####.", "#...#", "####.", "#....", "#...."],
        'R' => ["####.", "#...#", "####.", "#..#.", "#...#"], 'T' => ["#####", "..#..", "..#..", "..#..", "..#.."],
        'U' => ["#...#", "#...#", "#...#", "#...#", ".###."], 'V' => ["#...#", "#...#", "#...#", ".#.#.", "..#.."],
        'W' => ["#...#", "#...#", "#.#.#", "##.##", "#...#"], 'X' => ["#...#", ".#.#.", "..#..", ".#.#.", "#...#"],
        'Y' => ["#...#", ".#.#.", "..#..", "..#..", "..#.."], 'Z' => ["#####", "...#.", "..#..", ".#...", "#####"],
        _ => [".###.", "....#", "..##.", ".....", "..#.."],
    }
}

/// Text as rows of cells (`true` is a block), and how many columns a cell takes so that it fills the screen.
pub(super) fn cells(text: &str) -> (Vec<Vec<bool>>, usize) {
    let mut rows = vec![Vec::new(); 5];
    for (index, character) in text.chars().enumerate() {
        for (row, line) in rows.iter_mut().zip(glyph(character)) {
            if index > 0 {
                row.push(false);
            }
            row.extend(line.bytes().map(|byte| byte == b'#'));
        }
    }
    let across = rows.first().map_or(1, Vec::len).max(1);
    let columns = (COLUMNS / across).clamp(1, 6);
    let doubled = rows.into_iter().flat_map(|row| std::iter::repeat_n(row, LINES_A_ROW)).collect();
    (doubled, columns)
}

/// Text as ten lines of `#` and blanks.
pub fn lines(text: &str) -> Vec<String> {
    let (rows, columns) = cells(text);
    let cell = |filled: &bool| if *filled { "#" } else { " " }.repeat(columns);
    rows.iter().map(|row| row.iter().map(cell).collect::<String>().trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_number_fills_the_upper_half_of_a_screen() {
        insta::assert_snapshot!(lines("12").join("\n"), @r"
              ######            ##################
              ######            ##################
        ############                        ######
        ############                        ######
              ######            ##################
              ######            ##################
              ######            ######
              ######            ######
        ##################      ##################
        ##################      ##################
        ");
    }

    #[test]
    fn whatever_is_shown_fits_a_screen_and_no_two_look_alike() {
        let mut seen = std::collections::BTreeSet::new();
        for character in "0123456789ACDEFHJKLMNPRTUVWXYZ?".chars() {
            assert!(seen.insert(glyph(character)), "{character} looks like another");
        }
        for text in ["1", "12", "255", "K7QX", "MMMM"] {
            let lines = lines(text);
            assert_eq!(lines.len(), 10);
            assert!(lines.iter().all(|line| line.len() <= COLUMNS), "{text} is too wide");
        }
    }
}
