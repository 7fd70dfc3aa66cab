// What a compiler must know: doubles from text, which its library may lack (GCC before 11, Apple's). `make setup` tries it.
#include <charconv>

std::from_chars_result read(const char *from, const char *to, double &value) { return std::from_chars(from, to, value); }
