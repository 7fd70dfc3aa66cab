// The limit that the benchmarks divide by: one core, capture files to typed columns in memory, nothing else.
// Build: g++ -O3 -march=native -std=c++17 native_scan.cpp -lsimdjson -o native_scan
// Run:   native_scan KINDS FILE...     KINDS: one letter a column, n (number) or t (text), in payload order
// Names of JSON keys are matched by position in the payload of the generator; it measures, it is not a robust reader.
#include <simdjson.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

using namespace simdjson;
using std::string_view;

struct Column {
    bool is_number;
    std::vector<double> numbers;
    std::vector<int> codes;
    std::unordered_map<std::string, int> dictionary;

    void add_text(string_view value) {
        auto [entry, is_new] = dictionary.try_emplace(std::string(value), static_cast<int>(dictionary.size()));
        codes.push_back(entry->second);
    }
    void add_number(const char *from, const char *to) {
        double value = NAN;
        if (to - from == 1 && *from >= '0' && *from <= '9') value = *from - '0';
        else if (std::from_chars(from, to, value).ptr != to) value = NAN;
        numbers.push_back(value);
    }
};

struct Scanner {
    std::vector<Column> columns;
    ondemand::parser envelope, request, response;
    std::string padded, unquoted, decoded;
    std::vector<int64_t> labels;
    std::vector<double> scores;
    size_t rows = 0;

    padded_string_view pad(string_view text) {
        padded.assign(text);
        padded.append(SIMDJSON_PADDING, '\0');
        return padded_string_view(padded.data(), text.size(), padded.size());
    }
    void csv(string_view text) {
        const char *at = text.data(), *end = at + text.size();
        while (at < end) {
            for (auto &column : columns) {
                if (at < end && *at == '"') {
                    unquoted.clear();
                    for (at++; at < end; at++) {
                        if (*at == '"' && (at + 1 == end || at[1] != '"')) break;
                        if (*at == '"') at++;
                        unquoted.push_back(*at);
                    }
                    at++;
                    if (column.is_number) column.add_number(unquoted.data(), unquoted.data() + unquoted.size());
                    else column.add_text(unquoted);
                } else {
                    const char *stop = at;
                    while (stop < end && *stop != ',' && *stop != '\n') stop++;
                    if (column.is_number) column.add_number(at, stop);
                    else column.add_text(string_view(at, stop - at));
                    at = stop;
                }
                at++;
            }
            rows++;
        }
    }
    template <class Value> void cell(Column &column, Value value) {
        if (column.is_number) {
            string_view token = value.raw_json_token();
            const char *from = token.data(), *to = from + token.size();
            while (to > from && static_cast<unsigned char>(to[-1]) <= ' ') to--;
            column.add_number(from, to);
        } else {
            string_view text;
            if (value.get_string().get(text)) text = string_view();
            column.add_text(text);
        }
    }
    void record(ondemand::object object) {
        size_t index = 0;
        for (auto field : object) cell(columns[index++], field.value());
        rows++;
    }
    void json(string_view text) {
        auto document = request.iterate(pad(text));
        if (text[0] == '[') {
            for (auto item : document.get_array()) record(item.get_object());
            return;
        }
        size_t index = 0, before = 0;
        for (auto field : document.get_object()) {
            auto &column = columns[index++];
            size_t held = column.is_number ? column.numbers.size() : column.codes.size();
            for (ondemand::value value : field.value().get_array()) cell(column, value);
            before = (column.is_number ? column.numbers.size() : column.codes.size()) - held;
        }
        rows += before;
    }
    void json_lines(string_view text) {
        for (size_t from = 0; from < text.size();) {
            size_t to = text.find('\n', from);
            if (to == string_view::npos) to = text.size();
            auto document = request.iterate(pad(text.substr(from, to - from)));
            record(document.get_object());
            from = to + 1;
        }
    }
    void answers(string_view text) {
        auto document = response.iterate(pad(text));
        for (auto item : document.get_array()) {
            auto object = item.get_object();
            labels.push_back(object["label"].get_int64());
            scores.push_back(object["score"].get_double());
        }
    }
    string_view base64(string_view text) {
        static int8_t table[256];
        static bool is_ready = false;
        if (!is_ready) {
            const char *alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            memset(table, 0, sizeof table);
            for (int i = 0; i < 64; i++) table[static_cast<unsigned char>(alphabet[i])] = static_cast<int8_t>(i);
            is_ready = true;
        }
        decoded.clear();
        for (size_t i = 0; i + 3 < text.size(); i += 4) {
            uint32_t word = 0;
            for (int k = 0; k < 4; k++) word = word << 6 | table[static_cast<unsigned char>(text[i + k])];
            decoded.push_back(static_cast<char>(word >> 16));
            if (text[i + 2] != '=') decoded.push_back(static_cast<char>(word >> 8));
            if (text[i + 3] != '=') decoded.push_back(static_cast<char>(word));
        }
        return decoded;
    }
    void event(const char *line, size_t length) {
        auto document = envelope.iterate(padded_string_view(line, length, length + SIMDJSON_PADDING));
        ondemand::object data = document["captureData"];
        ondemand::object input = data["endpointInput"];
        string_view type = input["observedContentType"], text = input["data"], encoding = input["encoding"];
        std::string kind(type);
        bool is_base64 = encoding == "BASE64";
        std::string body(is_base64 ? base64(text) : text);
        if (kind == "text/csv") csv(body);
        else if (kind == "application/jsonlines") json_lines(body);
        else json(body);
        ondemand::object output = data["endpointOutput"];
        string_view answer = output["data"];
        if (is_base64) answers(std::string(base64(answer)));
        else answers(answer);
    }
};

int main(int count, char **words) {
    if (count < 3) return 2;
    auto start = std::chrono::steady_clock::now();
    Scanner scanner;
    for (const char *kind = words[1]; *kind; kind++) scanner.columns.push_back({*kind == 'n', {}, {}, {}});
    std::vector<char> buffer;
    double check = 0;
    for (int i = 2; i < count; i++) {
        FILE *file = fopen(words[i], "rb");
        if (!file) return 1;
        fseek(file, 0, SEEK_END);
        size_t size = static_cast<size_t>(ftell(file));
        rewind(file);
        if (buffer.size() < size + SIMDJSON_PADDING) buffer.resize(size + SIMDJSON_PADDING);
        if (fread(buffer.data(), 1, size, file) != size) return 1;
        fclose(file);
        for (auto &column : scanner.columns) { column.numbers.clear(); column.codes.clear(); }
        scanner.labels.clear();
        scanner.scores.clear();
        for (size_t from = 0; from < size;) {
            auto *stop = static_cast<const char *>(memchr(buffer.data() + from, '\n', size - from));
            size_t to = stop ? static_cast<size_t>(stop - buffer.data()) : size;
            if (to > from) scanner.event(buffer.data() + from, to - from);
            from = to + 1;
        }
        for (double value : scanner.columns[0].numbers) check += std::isnan(value) ? 0 : value;
    }
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    printf("{\"rows\": %zu, \"check\": %.6f, \"scan_s\": %.4f}\n", scanner.rows, check, seconds);
}
