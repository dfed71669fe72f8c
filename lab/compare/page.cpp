// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/page.hpp"

#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

extern "C" {
extern const char heirlock_page_html, heirlock_page_html_end;
extern const char heirlock_page_css, heirlock_page_css_end;
extern const char heirlock_page_js, heirlock_page_js_end;
extern const char heirlock_chart_js, heirlock_chart_js_end;
}

namespace heirlock::lab {
namespace {

// In a script element "</" could end it and "<!--" could change how it is read. JSON has "<" in strings only.
std::string embedded(const nlohmann::ordered_json& document) {
  constexpr auto bad_bytes = nlohmann::ordered_json::error_handler_t::replace;
  std::string safe;
  for (const char c : document.dump(-1, ' ', false, bad_bytes))
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  return safe;
}

} // namespace

std::string comparison_page(const nlohmann::ordered_json& document) {
  const std::string data = embedded(document);
  const std::map<std::string_view, std::string_view> parts = {
      {"style", {&heirlock_page_css, &heirlock_page_css_end}},
      {"chart", {&heirlock_chart_js, &heirlock_chart_js_end}},
      {"script", {&heirlock_page_js, &heirlock_page_js_end}},
      {"data", data},
  };
  std::string_view rest(&heirlock_page_html, &heirlock_page_html_end);
  std::string page;
  while (true) {
    const std::size_t place = rest.find("{{");
    if (place == std::string_view::npos) return page.append(rest);
    const std::size_t end = rest.find("}}", place);
    const auto part = end == std::string_view::npos
                          ? parts.end()
                          : parts.find(rest.substr(place + 2, end - place - 2));
    if (part == parts.end()) throw std::logic_error("the page names a part that nobody has");
    page.append(rest.substr(0, place)).append(part->second);
    rest.remove_prefix(end + 2);
  }
}

} // namespace heirlock::lab
