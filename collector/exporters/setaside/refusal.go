package setaside // import "shieldwatch.dev/collector/exporters/setaside"

import (
	"errors"
	"regexp"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// refusals are ClickHouse's error codes about the data, which an operator cannot fix at the store: the same rows will
// be refused again. Not included: a missing or different table, memory, quotas and rights.
var refusals = map[int]bool{
	6:   true, // CANNOT_PARSE_TEXT
	26:  true, // CANNOT_PARSE_QUOTED_STRING
	27:  true, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
	38:  true, // CANNOT_PARSE_DATE
	41:  true, // CANNOT_PARSE_DATETIME
	69:  true, // ARGUMENT_OUT_OF_BOUND
	70:  true, // CANNOT_CONVERT_TYPE
	72:  true, // CANNOT_PARSE_NUMBER
	117: true, // INCORRECT_DATA
	128: true, // TOO_LARGE_ARRAY_SIZE
	131: true, // TOO_LARGE_STRING_SIZE
	153: true, // ILLEGAL_DIVISION
	190: true, // SIZES_OF_ARRAYS_DONT_MATCH
	321: true, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
	349: true, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
	376: true, // CANNOT_PARSE_UUID
	395: true, // FUNCTION_THROW_IF_VALUE_IS_NON_ZERO
	407: true, // DECIMAL_OVERFLOW
	441: true, // CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING
	469: true, // VIOLATED_CONSTRAINT
	675: true, // CANNOT_PARSE_IPV4
	676: true, // CANNOT_PARSE_IPV6
}

// insertAnswer matches an insert's error over HTTP. Nothing before it, and nothing of the row, can contain a bracket
// there.
var insertAnswer = regexp.MustCompile(`^(?:[A-Za-z ]+: )+\[HTTP [45]\d\d\] response body: "Code: (\d+)\. DB::Exception`)

// errPanic is a panic over a batch; it would crash the process, and again after every start.
var errPanic = errors.New("the exporter panicked")

// reasonOf returns why the store will never accept a batch; empty: a retry may succeed.
func reasonOf(err error) string {
	var block *proto.BlockError
	var conversion *column.ColumnConverterError
	var exception *clickhouse.Exception
	switch {
	case errors.Is(err, errPanic):
		return "panic"
	case errors.As(err, &block):
		// A type other than ours means that somebody changed the column.
		if block.Op == "AppendRow" && !errors.As(err, &conversion) {
			return "encoding"
		}
	case errors.As(err, &exception):
		return reasonOfCode(int(exception.Code))
	default:
		if match := insertAnswer.FindStringSubmatch(err.Error()); match != nil {
			number, _ := strconv.Atoi(match[1])
			return reasonOfCode(number)
		}
	}
	return ""
}

func reasonOfCode(code int) string {
	if refusals[code] {
		return "refused" + strconv.Itoa(code)
	}
	return ""
}
