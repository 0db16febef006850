//! A table as a grid of texts: what spans several columns or rows stands in each of them. Pure.

use scraper::{ElementRef, Node};

/// Texts from left to right.
pub(super) type Row = Vec<String>;

/// What no table of ports has. A page may ask for a million columns, and tables within tables repeat their texts.
const WIDEST: usize = 32;
const TALLEST: usize = 64;
const MOST_ROWS: usize = 512;
const LONGEST_TEXT: usize = 200;

/// Its rows, without those of tables within it.
pub(super) fn rows(table: ElementRef<'_>) -> Vec<Row> {
    // Texts that reach down from rows above: by column, the text and for how many rows more.
    let mut reaching: Vec<Option<(String, usize)>> = Vec::new();
    let mut rows = Vec::new();
    for row in own_rows(table).take(MOST_ROWS) {
        let mut texts = Row::new();
        for cell in row.children().filter_map(ElementRef::wrap) {
            if !matches!(cell.value().name(), "td" | "th") {
                continue;
            }
            reach(&mut texts, &mut reaching);
            let span = |name, most| {
                cell.value().attr(name).and_then(|n| n.trim().parse().ok()).unwrap_or(1).clamp(1, most)
            };
            let (wide, tall) = (span("colspan", WIDEST), span("rowspan", TALLEST));
            let text = text(cell);
            for _ in 0..wide {
                if texts.len() == WIDEST {
                    break;
                }
                if reaching.len() <= texts.len() {
                    reaching.resize(texts.len() + 1, None);
                }
                if tall > 1 {
                    reaching[texts.len()] = Some((text.clone(), tall - 1));
                }
                texts.push(text.clone());
            }
        }
        reach(&mut texts, &mut reaching);
        rows.push(texts);
    }
    rows
}

/// Takes over what reaches down into the next places.
fn reach(texts: &mut Row, reaching: &mut [Option<(String, usize)>]) {
    while let Some(place) = reaching.get_mut(texts.len())
        && let Some((text, rows)) = place
    {
        texts.push(text.clone());
        *rows -= 1;
        if *rows == 0 {
            *place = None;
        }
    }
}

/// Those that belong to no table within.
fn own_rows(table: ElementRef<'_>) -> impl Iterator<Item = ElementRef<'_>> {
    let id = table.id();
    table.descendants().filter_map(ElementRef::wrap).filter(move |element| {
        element.value().name() == "tr"
            && element
                .ancestors()
                .find(|above| ElementRef::wrap(*above).is_some_and(|above| above.value().name() == "table"))
                .is_some_and(|above| above.id() == id)
    })
}

/// What a person reads there, with single blanks, up to a bound. A list to choose from says nothing about what is.
pub(super) fn text(element: ElementRef<'_>) -> String {
    let mut text = String::new();
    let mut here = element.first_child();
    while let Some(node) = here {
        if text.len() >= LONGEST_TEXT {
            break;
        }
        if let Node::Text(piece) = node.value() {
            for word in piece.split_whitespace() {
                if !text.is_empty() {
                    text.push(' ');
                }
                text.extend(word.chars().take(LONGEST_TEXT));
                if text.len() >= LONGEST_TEXT {
                    break;
                }
            }
        }
        let silent = ElementRef::wrap(node).is_some_and(|element| {
            matches!(element.value().name(), "select" | "script" | "style" | "textarea" | "title")
        });
        here = node.first_child().filter(|_| !silent).or_else(|| {
            let on = std::iter::successors(Some(node), |node| node.parent());
            on.take_while(|node| node.id() != element.id()).find_map(|node| node.next_sibling())
        });
    }
    text
}
