//! The cases, by subject. Those that read share the small catalog, which is indexed once; those that write begin without an
//! index.

pub(crate) mod corrections;
pub(crate) mod facets;
pub(crate) mod filters;
pub(crate) mod odd_input;
pub(crate) mod paging;
pub(crate) mod rebuilding;
pub(crate) mod relevance;
pub(crate) mod sorting;
pub(crate) mod suggestions;
pub(crate) mod updating;

/// Gives a macro all cases that read, by module. Each is `async fn(&Shop)`.
macro_rules! reading_cases {
    ($run:ident) => {
        $run! {
            relevance {
                an_exact_title_comes_first
                an_exact_title_comes_before_more_popular_longer_ones
                a_title_that_starts_with_the_query_comes_before_one_that_contains_it
                a_title_comes_before_a_brand
                a_brand_is_found
                a_category_is_found
                a_description_comes_last
                words_are_found_in_any_order
                both_of_two_words_are_required
                three_of_four_words_are_enough
                one_word_is_enough_if_any_is_asked_for
                upper_and_lower_case_are_the_same
                a_missing_an_added_and_a_changed_letter_are_forgiven
                swapped_letters_are_one_typo
                two_typos_are_forgiven_in_long_words_only
                short_words_are_found_exactly
                model_numbers_are_found_exactly
                an_exact_word_comes_before_a_similar_one
                the_start_of_a_word_is_found
                forms_of_a_word_are_the_same
                irregular_plurals_are_found
                synonyms_are_found_both_ways
                one_way_synonyms_are_found_one_way
                a_phrase_and_its_abbreviation_are_the_same
                own_words_come_before_synonyms
                words_with_hyphens_are_found_in_each_spelling
                compound_words_are_found_in_two
                diacritics_do_not_matter
                stop_words_do_not_matter
                popularity_decides_between_equal_matches
                a_blank_query_finds_everything_popular_first
                scores_are_relative_to_the_best_result
                inactive_products_are_never_found
            }
            odd_input {
                the_longest_query_is_searched
                emoji_are_ignored
                right_to_left_scripts_are_found
                scripts_without_spaces_are_found
                combining_accents_are_the_same_as_composed_letters
                quotes_and_apostrophes_are_ignored
                operators_are_text
                wildcards_are_text
                nul_characters_are_ignored
                only_stop_words_are_searched_as_words
                only_punctuation_finds_nothing
                very_long_words_find_nothing
                words_beyond_the_sixteenth_are_ignored
                every_kind_of_space_separates_words
                characters_of_full_width_are_found
            }
            corrections {
                a_misspelled_word_is_corrected
                each_misspelled_word_is_corrected_and_the_rest_stays
                known_words_are_not_corrected
                synonyms_are_not_corrected
                what_resembles_nothing_is_not_corrected
                brands_and_categories_are_corrected
            }
            filters {
                by_category_in_any_case
                by_several_categories
                by_brand_in_any_case
                by_a_value_that_does_not_exist
                by_price_with_both_bounds_inclusive
                by_one_price_bound
                by_stock
                by_rating
                every_combination_finds_what_passes_all
                filters_apply_to_a_text_too
            }
            facets {
                a_count_is_what_filtering_by_the_value_finds
                each_facet_ignores_its_own_filter
                other_filters_apply
                values_are_ordered_by_count_then_name
                price_buckets_are_those_requested
                ratings_count_this_one_and_better
                facets_cover_all_pages
                facets_are_only_counted_if_requested
                nothing_found_counts_nothing
            }
            sorting {
                by_price_ascending
                by_price_descending
                by_age
                by_rating_then_reviews
                by_relevance_then_id
            }
            suggestions {
                a_title_that_starts_with_the_text_comes_first
                the_last_word_may_be_unfinished
                all_words_are_required
                a_blank_text_suggests_popular_products
                the_limit_is_kept
                forms_and_diacritics_do_not_matter
                nothing_is_suggested_for_what_no_title_has
            }
        }
    };
}

/// Gives a macro all cases that write, by module. Each is `async fn(Arc<dyn SearchEngine>)` and gets an engine without an
/// index.
macro_rules! writing_cases {
    ($run:ident) => {
        $run! {
            paging {
                forward_through_all_results_in_every_order
                backward_through_all_results_in_every_order
                back_from_a_page_is_the_page_before
                a_page_of_none_still_counts
                beyond_the_last_result_there_is_nothing
                products_added_between_pages_repeat_and_omit_no_others
                products_removed_between_pages_omit_no_others
                changed_words_of_others_do_not_move_results
            }
            updating {
                stock_price_and_rating_follow
                a_changed_title_is_found_and_the_old_one_is_not
                a_new_product_is_found
                a_product_is_there_once_however_often_it_is_updated
                an_inactive_product_is_removed
                a_deleted_product_is_removed
                deleting_what_is_not_there_changes_nothing
                facets_follow
                a_thousand_products_are_updated_at_once
                without_an_index_nothing_happens
            }
            rebuilding {
                without_an_index_searches_fail
                an_index_is_published_as_a_whole
                searches_continue_during_a_build
                products_replaced_during_a_build_are_there_once
                changes_of_the_current_index_do_not_wait_for_a_build
                an_abandoned_build_changes_nothing
                the_status_describes_the_index
                an_empty_index_finds_nothing
            }
        }
    };
}

pub(crate) use {reading_cases, writing_cases};
