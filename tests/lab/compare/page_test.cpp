// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/page.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace heirlock::lab {
namespace {

using nlohmann::ordered_json;

constexpr const char* opening = R"(<script type="application/json" id="comparison">)";

std::string data_of(const std::string& page) {
  const std::size_t start = page.find(opening) + std::string(opening).size();
  return page.substr(start, page.find("</script>", start) - start);
}

TEST(comparison_page, holds_the_document_whatever_its_texts_say) {
  const ordered_json document = {
      {"note", "</script><script>alert(1)</script> <!-- {{style}} \\u003c \"quoted\""}};
  EXPECT_EQ(ordered_json::parse(data_of(comparison_page(document))), document);
}

TEST(comparison_page, replaces_bytes_that_are_not_utf_8) {
  const ordered_json document = {{"before", std::string("\xff\xfe")}};
  EXPECT_NE(ordered_json::parse(data_of(comparison_page(document))).at("before"), "");
}

TEST(comparison_page, holds_its_chart_library_and_its_style) {
  const std::string page = comparison_page({{"cases", ordered_json::array()}});
  EXPECT_NE(page.find("Chart.js v"), std::string::npos);
  EXPECT_NE(page.find("color-scheme"), std::string::npos);
  EXPECT_EQ(page.find("{{"), std::string::npos);
  EXPECT_NE(page.find("</html>"), std::string::npos);
}

} // namespace
} // namespace heirlock::lab
