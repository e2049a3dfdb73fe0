//! Enumerations stored in text columns.

/// Defines an enumeration with the stored text of each variant. Reading any other text is a database error that names
/// the enumeration and the text.
macro_rules! stored_enum {
    (
        $(#[$doc:meta])*
        $name:ident { $( $(#[$variant_doc:meta])* $variant:ident = $stored:tt, )+ }
    ) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            sea_orm::EnumIter, sea_orm::DeriveActiveEnum,
            serde::Serialize, serde::Deserialize,
        )]
        #[sea_orm(rs_type = "String", db_type = "Text")]
        pub enum $name {
            $(
                $(#[$variant_doc])*
                #[sea_orm(string_value = $stored)]
                #[serde(rename = $stored)]
                $variant,
            )+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The variant stored as this text.
            pub fn from_stored(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|variant| variant.as_str() == text)
            }

            /// The stored text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $stored,)+
                }
            }
        }
    };
}

pub(crate) use stored_enum;

#[cfg(test)]
mod tests {
    use sea_orm::ActiveEnum;

    use crate::notifications::notification::DeliveryStatus;

    #[test]
    fn every_reader_and_writer_agrees_on_the_stored_text() {
        for &status in DeliveryStatus::ALL {
            let stored = status.to_value();
            assert_eq!(stored, status.as_str());
            assert_eq!(DeliveryStatus::try_from_value(&stored).unwrap(), status);
            assert_eq!(DeliveryStatus::from_stored(&stored), Some(status));
            assert_eq!(serde_json::json!(status), stored);
        }
    }

    #[test]
    fn an_unknown_text_is_an_error_that_names_it() {
        let error = DeliveryStatus::try_from_value(&"teleported".to_owned()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Type Error: unexpected value for DeliveryStatus enum: teleported"
        );
    }
}
