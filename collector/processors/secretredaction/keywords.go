package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

// keywordScanner finds all keywords of all rules in one pass (Aho-Corasick, as a complete automaton). It is our own
// since it has to fold ASCII case while it reads and to allocate nothing; libraries want a lower-case copy.
type keywordScanner struct {
	// class is 0 for a byte that is in no keyword.
	class [256]uint8
	width int
	// moves[state*width+class] is the next state times width.
	moves []uint32
	// found[state] lists the keywords that end there.
	found [][]int
	// States from here on (times width) have found something: one comparison instead of a look-up.
	firstFound uint32
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

func newKeywordScanner(keywords []string) *keywordScanner {
	s := &keywordScanner{width: 1}
	for _, keyword := range keywords {
		for i := 0; i < len(keyword); i++ {
			c := keyword[i]
			if s.class[c] != 0 {
				continue
			}
			s.class[c] = uint8(s.width)
			if c >= 'a' && c <= 'z' {
				s.class[c-('a'-'A')] = uint8(s.width)
			}
			s.width++
		}
	}

	children := [][]int{make([]int, s.width)}
	ends := [][]int{nil}
	for number, keyword := range keywords {
		node := 0
		for i := 0; i < len(keyword); i++ {
			class := s.class[keyword[i]]
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

	s.number(children, ends)
	return s
}

// isIn tells whether any keyword is in the text.
func (s *keywordScanner) isIn(text []byte) bool {
	state := uint32(0)
	for _, c := range text {
		state = s.moves[state+uint32(s.class[c])]
		if state >= s.firstFound {
			return true
		}
	}
	return false
}

// number gives the states their final numbers: those that have found something come last.
func (s *keywordScanner) number(children, ends [][]int) {
	order := make([]int, 0, len(children))
	for node := range children {
		if len(ends[node]) == 0 {
			order = append(order, node)
		}
	}
	s.firstFound = uint32(len(order) * s.width)
	for node := range children {
		if len(ends[node]) > 0 {
			order = append(order, node)
		}
	}
	position := make([]uint32, len(children))
	for at, node := range order {
		position[node] = uint32(at)
	}
	s.moves = make([]uint32, len(order)*s.width)
	s.found = make([][]int, len(order))
	for at, node := range order {
		s.found[at] = ends[node]
		for class, child := range children[node] {
			s.moves[at*s.width+class] = position[child] * uint32(s.width)
		}
	}
}
