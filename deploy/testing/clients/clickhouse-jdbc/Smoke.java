import java.math.BigDecimal;
import java.net.URI;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;

/**
 * What people in Java do with the SQL port: ClickHouse's JDBC driver, as the reader and as the writer.
 *
 *   java -cp <jars> Smoke.java <url of the writer> <url of the reader>
 *
 * Prints one JSON object a check: {"name", "ok", "detail"}.
 */
public class Smoke {
    interface Check {
        Object run() throws Exception;
    }

    static final Instant AT = Instant.parse("2026-01-02T03:04:05.678Z");

    public static void main(String[] args) throws Exception {
        for (String compression : new String[] {"", "client.use_http_compression"}) {
            Properties more = new Properties();
            if (!compression.isEmpty()) {
                more.setProperty(compression, "true");
                more.setProperty("decompress", "true");
            }
            String name = compression.isEmpty() ? "with its defaults" : "with " + compression;
            try (Connection writer = connect(args[0], more); Connection reader = connect(args[1], more)) {
                write(name, writer);
                read(name, reader);
            }
        }
    }

    static Connection connect(String address, Properties more) throws SQLException {
        URI url = URI.create(address);
        String[] credentials = url.getUserInfo().split(":", 2);
        Properties properties = new Properties();
        properties.putAll(more);
        properties.setProperty("user", credentials[0]);
        properties.setProperty("password", credentials[1]);
        return DriverManager.getConnection("jdbc:clickhouse://" + url.getHost() + ":" + url.getPort() + "/shieldwatch", properties);
    }

    static void write(String name, Connection connection) {
        report("writer " + name + ": batch", () -> {
            try (Statement statement = connection.createStatement()) {
                statement.execute("DROP TABLE IF EXISTS java_item");
                statement.execute("CREATE TABLE java_item (id UInt64, at DateTime64(3, 'UTC'), seen DateTime('Europe/Berlin'), day Date, tags Array(String), attributes Map(String, String),"
                    + " note Nullable(String), kind LowCardinality(String), ratio Float64, amount Decimal(18, 4), key UUID, flag Bool) ENGINE = MergeTree ORDER BY id");
            }
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO java_item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")) {
                for (int i = 0; i < 500; i++) {
                    insert.setLong(1, i);
                    insert.setObject(2, ZonedDateTime.ofInstant(AT, ZoneId.of("UTC")));
                    insert.setObject(3, ZonedDateTime.ofInstant(AT, ZoneId.of("Europe/Berlin")));
                    insert.setObject(4, LocalDate.of(2026, 1, 2));
                    insert.setObject(5, List.of("a", "it's " + i));
                    insert.setObject(6, Map.of("k", "v'"));
                    insert.setString(7, i % 2 == 0 ? "note " + i : null);
                    insert.setString(8, "k" + i % 5);
                    insert.setDouble(9, i / 4.0);
                    insert.setBigDecimal(10, new BigDecimal("1.2500"));
                    insert.setObject(11, new UUID(0, i));
                    insert.setBoolean(12, i % 2 == 0);
                    insert.addBatch();
                }
                return equal(insert.executeBatch().length, 500);
            }
        });
        report("writer " + name + ": what it wrote", () -> equal(one(connection, "SELECT concat(toString(count()), ' ', toString(sum(id)), ' ', toString(countIf(note IS NULL)), ' ', any(toString(at)), ' ', any(toString(seen))) FROM java_item"),
            "500 124750 250 2026-01-02 03:04:05.678 2026-01-02 04:04:05"));
    }

    static void read(String name, Connection connection) {
        report("reader " + name + ": connection", () -> equal(connection.isValid(5), true));
        report("reader " + name + ": types", () -> {
            try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT * FROM java_item ORDER BY id LIMIT 1 OFFSET 3")) {
                ResultSetMetaData about = rows.getMetaData();
                equal(about.getColumnCount(), 12);
                equal(about.getColumnTypeName(2), "DateTime64(3, 'UTC')");
                equal(about.getColumnTypeName(3), "DateTime('Europe/Berlin')");
                equal(about.isNullable(7), ResultSetMetaData.columnNullable);
                equal(rows.next(), true);
                equal(rows.getLong("id"), 3L);
                equal(rows.getObject("at", OffsetDateTime.class).toInstant(), AT);
                equal(rows.getObject("at", ZonedDateTime.class).toInstant(), AT);
                equal(rows.getObject("seen", ZonedDateTime.class).toInstant(), Instant.parse("2026-01-02T03:04:05Z"));
                equal(rows.getTimestamp("at").toInstant(), AT);
                equal(rows.getObject("day", LocalDate.class), LocalDate.of(2026, 1, 2));
                equal(List.of((Object[]) rows.getArray("tags").getArray()), List.of("a", "it's 3"));
                equal(String.valueOf(rows.getObject("attributes")), "{k=v'}");
                equal(rows.getString("note"), null);
                equal(rows.wasNull(), true);
                equal(rows.getString("kind"), "k3");
                equal(rows.getDouble("ratio"), 0.75);
                equal(rows.getBigDecimal("amount"), new BigDecimal("1.2500"));
                equal(rows.getObject("key"), new UUID(0, 3));
                equal(rows.getBoolean("flag"), false);
                return equal(rows.next(), false);
            }
        });
        report("reader " + name + ": prepared statement", () -> {
            try (PreparedStatement query = connection.prepareStatement("SELECT count() FROM java_item WHERE kind = ? AND at >= ? AND id IN (?, ?, ?) AND note != ?")) {
                query.setString(1, "k1");
                query.setTimestamp(2, Timestamp.from(AT.minusSeconds(1)));
                query.setInt(3, 1);
                query.setInt(4, 6);
                query.setInt(5, 16);
                query.setString(6, "it's '' \\ ? \n");
                try (ResultSet rows = query.executeQuery()) {
                    rows.next();
                    return equal(rows.getLong(1), 2L);
                }
            }
        });
        report("reader " + name + ": many rows", () -> {
            try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery("SELECT number, toString(number) FROM numbers(50000)")) {
                long sum = 0;
                while (rows.next()) sum += rows.getLong(1) + rows.getString(2).length();
                return equal(sum, 1249975000L + 238890L);
            }
        });
        report("reader " + name + ": maximum of rows, time-out", () -> {
            try (Statement statement = connection.createStatement()) {
                statement.setMaxRows(10);
                statement.setQueryTimeout(20);
                int count = 0;
                try (ResultSet rows = statement.executeQuery("SELECT number FROM numbers(1000)")) {
                    while (rows.next()) count++;
                }
                return equal(count, 10);
            }
        });
        report("reader " + name + ": metadata", () -> {
            DatabaseMetaData about = connection.getMetaData();
            equal(about.getDatabaseProductName(), "ClickHouse");
            equal(about.getUserName(), "reader");
            if (about.getDatabaseMajorVersion() < 20) throw new AssertionError(about.getDatabaseProductVersion());
            equal(names(about.getSchemas(), "TABLE_SCHEM").contains("shieldwatch"), true);
            names(about.getCatalogs(), "TABLE_CAT");
            names(about.getTableTypes(), "TABLE_TYPE");
            names(about.getTypeInfo(), "TYPE_NAME");
            names(about.getFunctions(null, null, "sum%"), "FUNCTION_NAME");
            names(about.getPrimaryKeys(null, "shieldwatch", "java_item"), "COLUMN_NAME");
            names(about.getIndexInfo(null, "shieldwatch", "java_item", false, false), "INDEX_NAME");
            equal(names(about.getTables(null, "shieldwatch", "java_%", null), "TABLE_NAME"), Set.of("java_item"));
            equal(names(about.getTables(null, "shieldwatch", "java_%", new String[] {"TABLE"}), "TABLE_NAME"), Set.of("java_item"));
            try (ResultSet columns = about.getColumns(null, "shieldwatch", "java_item", "a%")) {
                List<String> found = new ArrayList<>();
                while (columns.next()) found.add(columns.getString("COLUMN_NAME") + " " + columns.getString("TYPE_NAME"));
                return equal(found, List.of("at DateTime64(3, 'UTC')", "attributes Map(String, String)", "amount Decimal(18, 4)"));
            }
        });
        report("reader " + name + ": error unknown table", () -> refused(60, connection, "SELECT * FROM nosuch"));
        report("reader " + name + ": error syntax", () -> refused(62, connection, "SELECT FROM WHERE"));
        report("reader " + name + ": error denied", () -> refused(497, connection, "SELECT file('/etc/passwd')"));
        report("reader " + name + ": error in execution", () -> refused(395, connection, "SELECT throwIf(number = 1) FROM numbers(2)"));
        report("reader " + name + ": no insert", () -> refused(497, connection, "INSERT INTO java_item (id) VALUES (1)"));
        report("reader " + name + ": SHOW, DESCRIBE, EXISTS", () -> {
            equal(one(connection, "SHOW TABLES LIKE 'java%'"), "java_item");
            equal(one(connection, "DESCRIBE TABLE java_item"), "id");
            return equal(one(connection, "EXISTS TABLE java_item"), "1");
        });
    }

    static String one(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            if (!rows.next()) throw new AssertionError("no row: " + sql);
            return rows.getString(1);
        }
    }

    static Set<String> names(ResultSet rows, String column) throws SQLException {
        Set<String> names = new TreeSet<>();
        try (rows) {
            while (rows.next()) names.add(rows.getString(column));
        }
        return names;
    }

    static Object refused(int code, Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            if (statement.execute(sql)) {
                try (ResultSet rows = statement.getResultSet()) {
                    while (rows.next()) { }
                }
            }
        } catch (SQLException error) {
            for (Throwable each = error; each != null; each = each.getCause()) {
                if ((each instanceof SQLException known && known.getErrorCode() == code) || String.valueOf(each.getMessage()).contains("Code: " + code + ".")) return code;
            }
            throw error;
        }
        throw new AssertionError("expected code " + code + ", and nothing was refused");
    }

    static Object equal(Object actual, Object expected) {
        if (actual == null ? expected != null : !actual.equals(expected)) throw new AssertionError(actual + " is not " + expected);
        return actual;
    }

    static void report(String name, Check check) {
        String detail;
        boolean ok = true;
        try {
            detail = String.valueOf(check.run());
        } catch (Throwable error) {
            ok = false;
            StringBuilder text = new StringBuilder();
            for (Throwable each = error; each != null; each = each.getCause()) text.append(each).append(" | ");
            for (StackTraceElement at : error.getStackTrace()) if (at.getClassName().startsWith("Smoke")) text.append(" line ").append(at.getLineNumber());
            detail = text.toString();
        }
        System.out.println("{\"name\":" + quoted(name) + ",\"ok\":" + ok + ",\"detail\":" + quoted(detail.length() > 1500 ? detail.substring(0, 1500) : detail) + "}");
    }

    static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') json.append('\\').append(c);
            else if (c < ' ') json.append(String.format("\\u%04x", (int) c));
            else json.append(c);
        }
        return json.append('"').toString();
    }
}
