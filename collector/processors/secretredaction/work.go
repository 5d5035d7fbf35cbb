package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

import "unicode/utf8"

// Units of work that any text may use, and the characters (of UTF-16) that add one unit; and the units of a candidate, beside one for
// being there. schemas/redaction-ahead.ts has the same numbers and says why: both engines give up on the same texts.
const (
	workBase          = 32_768
	charactersPerUnit = 4

	workPattern = 3
	workBehind  = 4
	workPart    = 3
	workReader  = 7
	workJudged  = 4
)

// work counts what reading a text and all that is derived from it costs.
type work struct {
	text  string
	units int
	limit int
	// Whether limit is that of the text, or only one that is no higher: characters are counted for the few texts that need it.
	isExact bool
}

func newWork(text string) work {
	// A character of UTF-16 has at most three bytes.
	return work{text: text, limit: workBase + len(text)/(3*charactersPerUnit)}
}

func (w *work) charge(units int) { w.units += units }

// isSpent tells whether the work has exceeded its limit.
func (w *work) isSpent() bool {
	if w.units <= w.limit {
		return false
	}
	if !w.isExact {
		w.isExact, w.limit = true, workBase+utf16Length(w.text)/charactersPerUnit
	}
	return w.units > w.limit
}

func utf16Length(text string) int {
	length := 0
	for _, r := range text {
		length++
		if r >= 0x10000 && r != utf8.RuneError {
			length++
		}
	}
	return length
}
