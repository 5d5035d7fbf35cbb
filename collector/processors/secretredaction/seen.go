package secretredaction // import "shieldwatch.dev/collector/processors/secretredaction"

const (
	// In bytes. A shorter text is read as fast as it is found again.
	shortestSeen = 8
	longestSeen  = 128
	seenBits     = 9
)

// seen remembers what texts came to: telemetry says the same again and again. A text has one place, by its length and its
// first and last bytes, and the last one that came there has it; one that is not found is read as ever.
type seen[T any] struct {
	slots [1 << seenBits]slot[T]
}

type slot[T any] struct {
	text  string
	value T
}

// at returns the slot of a text, which may hold another text; nil if the text is too short to be remembered.
func (s *seen[T]) at(text string) *slot[T] {
	if len(text) < shortestSeen || len(text) > longestSeen {
		return nil
	}
	hash := (eightBytes(text)*0x9e3779b97f4a7c15 ^ eightBytes(text[len(text)-8:]) ^ uint64(len(text))<<56) * 0xff51afd7ed558ccd
	return &s.slots[hash>>(64-seenBits)]
}

func eightBytes(text string) uint64 {
	_ = text[7]
	return uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
		uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56
}
