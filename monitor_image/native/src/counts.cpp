// How often each whole number occurs in a column: the inner loop of model_monitor/sketches/numbers.py.
#include "counts.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "column.hpp"
#include "input.hpp"

namespace monitor {
namespace {

constexpr int64_t kSmallRange = 65'536;            // SMALL_RANGE and WHOLE_NUMBERS of numbers.py
constexpr int64_t kWholeNumbers = int64_t{1} << 53;
constexpr int64_t kRangePerValue = 2;              // RANGE_PER_VALUE of numbers.py
constexpr int64_t kSplitRange = 1024;  // up to here several tables are counted in turn: equal neighbours do not wait for each other
constexpr size_t kTables = 4;
constexpr size_t kAtOnce = 256;  // numbers that are looked at before a fraction among them ends the search

struct Range {
    int64_t low, high;
    bool is_whole;  // and narrow enough to be counted by position
};

Range range_of(const int64_t *numbers, size_t size) {
    int64_t low = numbers[0], high = numbers[0];
    for (size_t i = 1; i < size; i++) {
        low = std::min(low, numbers[i]);
        high = std::max(high, numbers[i]);
    }
    if (low <= -kWholeNumbers || high >= kWholeNumbers) return {low, high, false};
    return {low, high, high - low <= std::max(kSmallRange, kRangePerValue * static_cast<int64_t>(size))};
}

Range range_of(const double *numbers, size_t size) {
    constexpr size_t kLanes = 8;  // neighbours that do not wait for each other
    double lows[kLanes], highs[kLanes];
    std::fill_n(lows, kLanes, std::numeric_limits<double>::infinity());
    std::fill_n(highs, kLanes, -std::numeric_limits<double>::infinity());
    auto add = [&](size_t lane, double number) {  // NaN is neither lower nor higher
        lows[lane] = number < lows[lane] ? number : lows[lane];
        highs[lane] = number > highs[lane] ? number : highs[lane];
    };
    size_t i = 0;
    for (; i + kLanes <= size; i += kLanes) {
        for (size_t lane = 0; lane < kLanes; lane++) add(lane, numbers[i + lane]);
    }
    for (; i < size; i++) add(0, numbers[i]);
    const double low = *std::min_element(lows, lows + kLanes), high = *std::max_element(highs, highs + kLanes);
    if (!(low > -kSmallRange && high < kSmallRange)) return {0, 0, false};
    for (i = 0; i < size;) {
        int fractions = 0;
        for (const size_t end = std::min(size, i + kAtOnce); i < end; i++) {
            const double number = std::isnan(numbers[i]) ? 0.0 : numbers[i];
            fractions |= static_cast<double>(static_cast<int32_t>(number)) != number;
        }
        if (fractions) return {0, 0, false};
    }
    return {static_cast<int64_t>(low), static_cast<int64_t>(high), true};
}

// Place of a number in the table, its last one for NaN.
size_t place_of(int64_t number, Range range) { return static_cast<size_t>(number - range.low); }
size_t place_of(double number, Range range) {
    return static_cast<size_t>(std::isnan(number) ? range.high - range.low + 1 : static_cast<int64_t>(number) - range.low);
}

template <class Number> std::vector<int64_t> count(const Number *numbers, size_t size, Range range) {
    const auto places = static_cast<size_t>(range.high - range.low) + 2;
    const size_t tables = range.high - range.low <= kSplitRange ? kTables : 1;
    std::vector<int64_t> counts(places * tables);
    size_t i = 0;
    if (tables > 1) {
        for (; i + kTables <= size; i += kTables) {
            for (size_t table = 0; table < kTables; table++) counts[table * places + place_of(numbers[i + table], range)]++;
        }
    }
    for (; i < size; i++) counts[place_of(numbers[i], range)]++;
    for (size_t table = 1; table < tables; table++) {
        for (size_t place = 0; place < places; place++) counts[place] += counts[table * places + place];
    }
    counts.resize(places - 1);
    return counts;
}

template <class Number> PyObject *whole_counts(const Number *numbers, size_t size) {
    if (!size) Py_RETURN_NONE;
    const Range range = range_of(numbers, size);
    if (!range.is_whole) Py_RETURN_NONE;
    const std::vector<int64_t> counts = count(numbers, size, range);
    const auto different = static_cast<size_t>(std::count_if(counts.begin(), counts.end(), [](int64_t n) { return n > 0; }));
    Buffer values(different * sizeof(double)), frequencies(different * sizeof(int64_t));
    double *value = values.as<double>();
    int64_t *frequency = frequencies.as<int64_t>();
    for (size_t place = 0; place < counts.size(); place++) {
        if (!counts[place]) continue;
        *value++ = static_cast<double>(range.low + static_cast<int64_t>(place));
        *frequency++ = counts[place];
    }
    return Py_BuildValue("NN", values.release(different * sizeof(double)), frequencies.release(different * sizeof(int64_t)));
}

}  // namespace

PyObject *count_whole(PyObject *, PyObject *arguments) {
    View numbers;
    int is_double;
    if (!PyArg_ParseTuple(arguments, "O&p", View::convert, &numbers, &is_double)) return nullptr;
    return guarded([&]() -> PyObject * {
        const size_t size = numbers.size() / sizeof(double);
        if (is_double) return whole_counts(reinterpret_cast<const double *>(numbers.data()), size);
        return whole_counts(reinterpret_cast<const int64_t *>(numbers.data()), size);
    });
}

}  // namespace monitor
