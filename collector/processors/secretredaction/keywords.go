package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

// keywordScanner finds all keywords of all rules in one pass (Aho-Corasick, as a complete automaton). It is our own
// since it has to fold ASCII case while it reads and to allocate nothing; libraries want a lower-case copy.
type keywordScanner struct {
	// characters has, by byte, its column in the lowest bits, and above them the bits of windows: one table for all that is
	// asked of a byte, since each look-up costs as much as all the rest.
	characters [256]uint32
	width      int
	// moves[state*width+column] is the next state times width, and above that the bits of look that the byte or a keyword
	// that ends there has.
	moves []uint32
	// found[state] lists the keywords that end there.
	found [][]int
}

// look is what one pass over a text saw in it, in bits; 0 if there is nothing to find.
type look uint32

const (
	// A keyword.
	lookKeyword look = 1 << iota
	// A line break, or a backslash, which may be of one that is written out.
	lookBreak
	// What begins an escape: a backslash, `%` or `&`.
	lookEscape
	lookPlus
	// Bytes, one right behind the other, that may be text in base64 or hexadecimal.
	lookEncoded

	stateMask   = 1<<24 - 1
	lookShift   = 24
	keywordMove = uint32(lookKeyword) << lookShift
	columnMask  = 1<<7 - 1
)

// lookSigns has the bytes that a look tells of.
var lookSigns = map[byte]look{
	backslash: lookBreak | lookEscape, '%': lookEscape, '&': lookEscape, '+': lookPlus, '\n': lookBreak, '\r': lookBreak,
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func newKeywordScanner(keywords []string) *keywordScanner {
	s := &keywordScanner{width: 1}
	var columns [256]int
	column := func(c byte) {
		if columns[c] == 0 {
			columns[c] = s.width
			s.width++
		}
	}
	for _, keyword := range keywords {
		for i := range len(keyword) {
			column(keyword[i])
		}
	}
	signs := make([]look, 128)
	for c, sign := range lookSigns {
		column(c)
		signs[columns[c]] = sign
	}
	for c := range s.characters {
		s.characters[c] = windows[c] | uint32(columns[lower(byte(c))])
	}

	children := [][]int{make([]int, s.width)}
	ends := [][]int{nil}
	for number, keyword := range keywords {
		node := 0
		for i := 0; i < len(keyword); i++ {
			class := columns[keyword[i]]
			if children[node][class] == 0 {
				children[node][class] = len(children)
				children = append(children, make([]int, s.width))
				ends = append(ends, nil)
			}
			node = children[node][class]
		}
		ends[node] = append(ends[node], number)
	}

	// Breadth first, so that the state to fall back to is complete.
	fallback := make([]int, len(children))
	queue := []int{0}
	for len(queue) > 0 {
		node := queue[0]
		queue = queue[1:]
		if node != 0 {
			ends[node] = append(ends[node], ends[fallback[node]]...)
		}
		for class := range children[node] {
			inherited := 0
			if node != 0 {
				inherited = children[fallback[node]][class]
			}
			child := children[node][class]
			if child == 0 {
				children[node][class] = inherited
				continue
			}
			fallback[child] = inherited
			queue = append(queue, child)
		}
	}

	s.moves = make([]uint32, len(children)*s.width)
	s.found = ends
	for node := range children {
		for class, child := range children[node] {
			move := uint32(child*s.width) | uint32(signs[class])<<lookShift
			if len(ends[child]) > 0 {
				move |= keywordMove
			}
			s.moves[node*s.width+class] = move
		}
	}
	return s
}

// look passes over the text once, which is all that clean text pays for.
func (s *keywordScanner) look(text []byte) look {
	moves, characters := s.moves, &s.characters
	state, seen, window, ended := uint32(0), uint32(0), uint32(0), uint32(0)
	for _, c := range text {
		character := characters[c]
		move := moves[state+character&columnMask]
		state = move & stateMask
		seen |= move
		window = (window<<1 | windowStarts) & character
		ended |= window
	}
	return lookOf(seen, ended)
}

// lookOf reads what was collected of the moves and of the windows over a text.
func lookOf(seen, ended uint32) look {
	l := look(seen >> lookShift)
	if ended&windowEnds != 0 {
		l |= lookEncoded
	}
	return l
}
